import type { Amounts } from '../../lib/amounts.ts';
import { nextRound, turnOf } from '../scheduler/turns.ts';
import type { Queries } from './database.ts';
import { raiseHubNumber, readHubNumber } from './hub-state.ts';

/** What the tasks of one queue want of a worker, all the same. */
export interface QueueClass {
  readonly classId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly resources: Amounts;
  /** Names the isolation, for comparison with stand-by instances; empty for none. */
  readonly isolation: string;
  /** Hub time at which a worker that could take such a task was last there. */
  readonly offeredHubMs: number;
}

/** A task that waits for a worker. */
export interface QueueEntry {
  readonly taskId: number;
  readonly buildId: number;
  readonly repository: string;
  readonly round: number;
  readonly turn: number;
  readonly queuedHubMs: number;
  /** The worker that lost it. */
  readonly avoidWorkerId: number | null;
  readonly stateful: boolean;
}

interface Wanting {
  classId: string;
  labels: string;
  resources: string;
  isolation: string;
  buildId: number;
  repository: string;
  priority: number;
  avoid: number | null;
  stateful: number;
}

/** How far a queue is; one that begins joins the others where they are. */
async function servedRound(sql: Queries, want: Wanting, hubMs: number): Promise<number> {
  const { classId, labels, resources, isolation } = want;
  const [known] = await sql<{ round: number }[]>`SELECT round FROM queue_classes WHERE class_id = ${classId}`;
  if (known !== undefined) return known.round;
  const round = await readHubNumber(sql, 'round');
  await sql`
    INSERT INTO queue_classes (class_id, labels, resources, isolation, round, offered_hub_ms)
    VALUES (${classId}, ${labels}, ${resources}, ${isolation}, ${round}, ${hubMs})`;
  return round;
}

/** Puts a task into the queue for workers, behind what is fair. Resolves with the class of its queue. */
export async function enqueue(sql: Queries, taskId: number, hubMs: number): Promise<string> {
  const [want] = await sql<Wanting[]>`
    SELECT t.class_id AS "classId", t.labels, t.resources, t.isolation, t.build_id AS "buildId", b.repository,
      b.priority, t.avoid_worker_id AS avoid, t.stateful
    FROM tasks t JOIN builds b ON b.id = t.build_id WHERE t.id = ${taskId}`;
  if (want === undefined) throw new TypeError('a task that is not stored cannot wait');
  const { classId, repository, priority } = want;
  const served = await servedRound(sql, want, hubMs);
  const [last] = await sql<{ round: number | null }[]>`
    SELECT MAX(round) AS round FROM queue
    WHERE class_id = ${classId} AND repository = ${repository} AND priority >= ${priority}`;
  const round = nextRound(served, last?.round ?? undefined);
  const row = {
    task_id: taskId,
    build_id: want.buildId,
    class_id: classId,
    repository,
    priority,
    round,
    turn: turnOf(round, priority),
    queued_hub_ms: hubMs,
    avoid_worker_id: want.avoid,
    stateful: want.stateful,
  };
  await sql`INSERT INTO queue ${sql(row)}`;
  return classId;
}

/**
 * Takes a task out of the queue; false when it was not in it, which tells a second taker that it comes too late.
 * `served`: since it was placed, so that the queue moves on.
 */
export async function dequeue(sql: Queries, taskId: number, served: boolean): Promise<boolean> {
  const [gone] = await sql<{ classId: string; round: number }[]>`
    DELETE FROM queue WHERE task_id = ${taskId} RETURNING class_id AS "classId", round`;
  if (gone === undefined) return false;
  const { classId, round } = gone;
  if (served) {
    await sql`UPDATE queue_classes SET round = ${round} WHERE class_id = ${classId} AND round < ${round}`;
    await raiseHubNumber(sql, 'round', round);
  }
  await sql`
    DELETE FROM queue_classes WHERE class_id = ${classId}
    AND NOT EXISTS (SELECT 1 FROM queue WHERE class_id = ${classId})`;
  return true;
}

type EntryRow = Omit<QueueEntry, 'stateful'> & { readonly stateful: number };

const columns = (sql: Queries) => sql`
  task_id AS "taskId", build_id AS "buildId", repository, round, turn, queued_hub_ms AS "queuedHubMs",
  avoid_worker_id AS "avoidWorkerId", stateful`;

const toEntry = (row: EntryRow): QueueEntry => ({ ...row, stateful: row.stateful === 1 });

/** The first tasks of a queue. */
export async function headsOf(sql: Queries, classId: string, limit: number): Promise<QueueEntry[]> {
  const rows = await sql<EntryRow[]>`
    SELECT ${columns(sql)} FROM queue WHERE class_id = ${classId} ORDER BY turn, task_id LIMIT ${limit}`;
  return rows.map(toEntry);
}

/** Tasks of a queue that began to wait at that hub time or before, oldest first. */
export async function waitingSince(sql: Queries, classId: string, hubMs: number, limit: number): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    SELECT task_id AS id FROM queue WHERE class_id = ${classId} AND queued_hub_ms <= ${hubMs}
    ORDER BY queued_hub_ms LIMIT ${limit}`;
  return rows.map(({ id }) => id);
}

export async function findEntry(
  sql: Queries,
  taskId: number,
): Promise<(QueueEntry & { readonly classId: string }) | undefined> {
  const [row] = await sql<(EntryRow & { classId: string })[]>`
    SELECT ${columns(sql)}, class_id AS "classId" FROM queue WHERE task_id = ${taskId}`;
  return row === undefined ? undefined : { ...toEntry(row), classId: row.classId };
}
