import { buildStatus, settle } from '../scheduler/dependencies.ts';
import type { Queries } from '../store/database.ts';
import { linkedTasks } from '../store/linked-tasks.ts';
import type { Finding } from './findings.ts';

/** So many of one kind are told one by one. */
const MOST = 100;

type Row = Readonly<Record<string, unknown>>;

/** States of a task that contradict themselves. Each query gives `id` and what is wrong. */
const CONTRADICTIONS: Readonly<Record<string, (sql: Queries) => Promise<Row[]>>> = {
  'place-without-worker': (sql) => sql`
    SELECT id, 'it holds a place on no worker' AS detail FROM tasks WHERE slot_held = 1 AND worker_id IS NULL LIMIT ${MOST}`,
  'place-on-unknown-worker': (sql) => sql`
    SELECT t.id, 'it holds a place on a worker that is not registered' AS detail FROM tasks t
    LEFT JOIN workers w ON w.id = t.worker_id
    WHERE t.slot_held = 1 AND t.worker_id IS NOT NULL AND w.id IS NULL LIMIT ${MOST}`,
  'runs-without-place': (sql) => sql`
    SELECT id, 'it runs and holds no place' AS detail FROM tasks
    WHERE status IN ('SCHEDULED', 'EXECUTING') AND slot_held = 0 LIMIT ${MOST}`,
  'waits-with-place': (sql) => sql`
    SELECT id, 'it waits and holds a place' AS detail FROM tasks
    WHERE status IN ('CREATED', 'TRIGGERED', 'SKIPPED') AND slot_held = 1 LIMIT ${MOST}`,
  'queue-without-class': (sql) => sql`
    SELECT q.task_id AS id, 'its queue is not listed' AS detail FROM queue q
    LEFT JOIN queue_classes c ON c.class_id = q.class_id WHERE c.class_id IS NULL LIMIT ${MOST}`,
  'two-runs': (sql) => sql`
    SELECT id, 'another run took its place, and it has not ended' AS detail FROM tasks
    WHERE next_id IS NOT NULL AND (slot_held = 1 OR status IN ('CREATED', 'TRIGGERED', 'SCHEDULED', 'EXECUTING'))
    LIMIT ${MOST}`,
  'ended-without-time': (sql) => sql`
    SELECT id, 'it has ended at no time' AS detail FROM tasks
    WHERE status IN ('ABORTED', 'FAILED', 'COMPLETED', 'SKIPPED') AND finished_ms IS NULL LIMIT ${MOST}`,
  'time-without-end': (sql) => sql`
    SELECT id, 'it has a time at which it ended, and has not' AS detail FROM tasks
    WHERE status NOT IN ('ABORTED', 'FAILED', 'COMPLETED', 'SKIPPED') AND finished_ms IS NOT NULL LIMIT ${MOST}`,
  'waits-outside-queue': (sql) => sql`
    SELECT t.id, 'it waits for a worker and is not in the queue' AS detail FROM tasks t
    WHERE t.status = 'TRIGGERED' AND t.hold IS NULL AND t.id NOT IN (SELECT task_id FROM queue) LIMIT ${MOST}`,
  'queued-without-waiting': (sql) => sql`
    SELECT t.id, 'it is in the queue and does not wait' AS detail FROM queue q JOIN tasks t ON t.id = q.task_id
    WHERE t.status <> 'TRIGGERED' OR t.hold IS NOT NULL LIMIT ${MOST}`,
  'lock-of-ended-task': (sql) => sql`
    SELECT t.id, 'it has ended and still holds an execution lock' AS detail FROM locks l JOIN tasks t ON t.id = l.task_id
    WHERE t.slot_held = 0 AND t.status IN ('ABORTED', 'FAILED', 'COMPLETED', 'SKIPPED') LIMIT ${MOST}`,
  'instruction-outlives-task': (sql) => sql`
    SELECT t.id, 'an instruction of it runs although its place is free' AS detail FROM tasks t
    WHERE t.slot_held = 0 AND t.status IN ('ABORTED', 'FAILED', 'COMPLETED', 'SKIPPED') AND EXISTS (
      SELECT 1 FROM instructions i WHERE i.task_id = t.id AND i.status = 'EXECUTING') LIMIT ${MOST}`,
};

async function contradictions(sql: Queries): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const [kind, query] of Object.entries(CONTRADICTIONS)) {
    for (const { id, detail } of await query(sql)) found.push({ kind, subject: `task ${id}`, detail: String(detail) });
  }
  return found;
}

/** The rules between the tasks of a build, applied once more: nothing may be left for them to do. */
async function checkBuild(sql: Queries, id: number, status: string): Promise<Finding[]> {
  const tasks = await linkedTasks(sql, id);
  const subject = `build ${id}`;
  const findings: Finding[] = settle(tasks).map((change) => ({
    kind: 'task-left-behind',
    subject: `task ${change.id}`,
    detail: `what it depends on has ended, and it is not ${change.status}`,
  }));
  const found = buildStatus(tasks);
  const right = found === 'CREATED' && status === 'EXECUTING' ? status : found; // it had begun, and what is left waits
  if (right !== status)
    findings.push({ kind: 'build-status', subject, detail: `it is ${status}, its tasks make it ${right}` });
  return findings;
}

async function checkForeignKeys(sql: Queries, engine: 'sqlite' | 'postgres'): Promise<Finding[]> {
  if (engine === 'postgres') return []; // it holds them itself
  const rows = await sql<{ table: string; rowid: number; parent: string }[]>`PRAGMA foreign_key_check`;
  return rows.slice(0, MOST).map(({ table, rowid, parent }) => ({
    kind: 'foreign-key',
    subject: `${table} row ${rowid}`,
    detail: `it refers to a row of ${parent} that is not there`,
  }));
}

async function checkPages(sql: Queries, engine: 'sqlite' | 'postgres'): Promise<Finding[]> {
  if (engine === 'postgres') return [];
  const rows = await sql<{ quick_check: string }[]>`PRAGMA quick_check`;
  return rows
    .filter(({ quick_check }) => quick_check !== 'ok')
    .map(({ quick_check }) => ({ kind: 'damaged-file', subject: 'hub.db', detail: quick_check }));
}

/** Builds, tasks, and what refers to them. */
export async function checkState(sql: Queries, engine: 'sqlite' | 'postgres'): Promise<Finding[]> {
  const found = [
    ...(await checkPages(sql, engine)),
    ...(await checkForeignKeys(sql, engine)),
    ...(await contradictions(sql)),
  ];
  for (let last = 0; ; ) {
    const builds = await sql<{ id: number; status: string }[]>`
      SELECT id, status FROM builds WHERE id > ${last} ORDER BY id LIMIT 500`;
    for (const { id, status } of builds) found.push(...(await checkBuild(sql, id, status)));
    const end = builds.at(-1);
    if (end === undefined) return found;
    last = end.id;
  }
}
