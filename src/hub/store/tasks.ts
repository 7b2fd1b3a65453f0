import type { Amounts } from '../../lib/amounts.ts';
import type { StatusName } from '../model.ts';
import type { LinkedTask } from '../scheduler/dependencies.ts';
import type { Queries } from './database.ts';

/** A task as it is stored. */
export interface TaskRecord {
  readonly id: number;
  readonly buildId: number;
  readonly groupId: number;
  readonly name: string;
  readonly status: StatusName;
  readonly reason: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly resources: Amounts;
  readonly timeoutSeconds: number;
  readonly createdMs: number;
  readonly triggeredMs: number | null;
  readonly startedMs: number | null;
  readonly finishedMs: number | null;
  readonly workerId: number | null;
  readonly workerName: string | null;
  /** Session in which it was last handed out (its hash). */
  readonly session: string | null;
  readonly handouts: number;
  /** It takes up a place on its worker: from its assignment until the worker says that it has stopped. */
  readonly slotHeld: boolean;
  readonly mustStop: boolean;
  readonly clientSecret: string;
  readonly serverSecret: string;
  /** The last error that its agent reported. */
  readonly agentProblem: string | null;
}

type Row = Omit<TaskRecord, 'labels' | 'resources' | 'slotHeld' | 'mustStop'> & {
  labels: string;
  resources: string;
  slotHeld: number;
  mustStop: number;
};

const columns = (sql: Queries) => sql`
  id, build_id AS "buildId", group_id AS "groupId", name, status, reason, labels, resources,
  timeout_s AS "timeoutSeconds", created_ms AS "createdMs", triggered_ms AS "triggeredMs",
  started_ms AS "startedMs", finished_ms AS "finishedMs", worker_id AS "workerId", worker_name AS "workerName",
  session_hash AS "session", handouts, slot_held AS "slotHeld", must_stop AS "mustStop",
  client_secret AS "clientSecret", server_secret AS "serverSecret", agent_problem AS "agentProblem"`;

function toRecord(row: Row): TaskRecord {
  return {
    ...row,
    labels: JSON.parse(row.labels),
    resources: JSON.parse(row.resources),
    slotHeld: row.slotHeld === 1,
    mustStop: row.mustStop === 1,
  };
}

export async function findTask(sql: Queries, id: number): Promise<TaskRecord | undefined> {
  const [row] = await sql<Row[]>`SELECT ${columns(sql)} FROM tasks WHERE id = ${id}`;
  return row === undefined ? undefined : toRecord(row);
}

export async function tasksOfBuild(sql: Queries, buildId: number): Promise<TaskRecord[]> {
  const rows = await sql<Row[]>`SELECT ${columns(sql)} FROM tasks WHERE build_id = ${buildId} ORDER BY group_id, id`;
  return rows.map(toRecord);
}

/** Newest first, below `beforeId` where it is given. */
export async function newestTasks(
  sql: Queries,
  limit: number,
  beforeId?: number,
  { status, buildId }: { readonly status?: StatusName | undefined; readonly buildId?: number | undefined } = {},
): Promise<TaskRecord[]> {
  const rows = await sql<Row[]>`
    SELECT ${columns(sql)} FROM tasks
    WHERE id < ${beforeId ?? Number.MAX_SAFE_INTEGER}
      ${status === undefined ? sql`` : sql`AND status = ${status}`}
      ${buildId === undefined ? sql`` : sql`AND build_id = ${buildId}`}
    ORDER BY id DESC LIMIT ${limit}`;
  return rows.map(toRecord);
}

/** Tasks that wait for a worker, oldest first. */
export async function queuedTasks(sql: Queries): Promise<TaskRecord[]> {
  const rows = await sql<Row[]>`SELECT ${columns(sql)} FROM tasks WHERE status = ${'TRIGGERED'} ORDER BY id`;
  return rows.map(toRecord);
}

/** Tasks that take up a place, of one worker or of all, oldest first. */
export async function placedTasks(sql: Queries, workerId?: number): Promise<TaskRecord[]> {
  const one = workerId === undefined ? sql`` : sql`AND worker_id = ${workerId}`;
  const rows = await sql<Row[]>`SELECT ${columns(sql)} FROM tasks WHERE slot_held = 1 ${one} ORDER BY id`;
  return rows.map(toRecord);
}

export async function definitionOf(sql: Queries, id: number): Promise<Uint8Array> {
  const [row] = await sql<{ definition: Uint8Array }[]>`SELECT definition FROM tasks WHERE id = ${id}`;
  return row?.definition ?? new Uint8Array();
}

/** The tasks of a build with what binds them, in the order of their groups. */
export async function linkedTasks(sql: Queries, buildId: number): Promise<LinkedTask[]> {
  const tasks = await sql<{ id: number; name: string; status: StatusName; allow: number }[]>`
    SELECT id, name, status, allow_failures AS allow FROM tasks WHERE build_id = ${buildId} ORDER BY group_id, id`;
  const links = await sql<{ task_id: number; needs_id: number }[]>`
    SELECT d.task_id, d.needs_id FROM dependencies d JOIN tasks t ON t.id = d.task_id
    WHERE t.build_id = ${buildId} ORDER BY d.needs_id`;
  return tasks.map(({ id, name, status, allow }) => ({
    id,
    name,
    status,
    allowFailures: allow === 1,
    needs: links.filter((link) => link.task_id === id).map((link) => link.needs_id),
  }));
}

const COLUMN = {
  status: 'status',
  reason: 'reason',
  triggeredMs: 'triggered_ms',
  startedMs: 'started_ms',
  finishedMs: 'finished_ms',
  workerId: 'worker_id',
  workerName: 'worker_name',
  session: 'session_hash',
  handouts: 'handouts',
  slotHeld: 'slot_held',
  mustStop: 'must_stop',
  agentProblem: 'agent_problem',
} as const;

/** What may change in a stored task. */
export type TaskPatch = Partial<Pick<TaskRecord, keyof typeof COLUMN>>;

export async function patchTask(sql: Queries, id: number, patch: TaskPatch): Promise<void> {
  const entries = Object.entries(patch) as [keyof typeof COLUMN, unknown][];
  if (entries.length === 0) return;
  const row = Object.fromEntries(
    entries.map(([name, value]) => [COLUMN[name], typeof value === 'boolean' ? Number(value) : value]),
  );
  await sql`UPDATE tasks SET ${sql(row)} WHERE id = ${id}`;
}
