import type { Amounts } from '../../lib/amounts.ts';
import type { Hold, RunCause, StatusName } from '../model.ts';
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
  readonly run: number;
  readonly runCause: RunCause;
  readonly previousId: number | null;
  /** The run that took this one's place. */
  readonly nextId: number | null;
  /** The hub no longer believes in this run: its worker was lost. What it reports now comes too late. */
  readonly givenUp: boolean;
  readonly classId: string;
  readonly hold: Hold | null;
  readonly manual: boolean;
  readonly stateful: boolean;
  readonly autoCancel: boolean;
  readonly requiredLabels: readonly string[];
  readonly lockKey: string | null;
  readonly placedHubMs: number | null;
  readonly startedHubMs: number | null;
}

const FLAGS = ['slotHeld', 'mustStop', 'givenUp', 'manual', 'stateful', 'autoCancel'] as const;
const JSON_TEXTS = ['labels', 'resources', 'requiredLabels'] as const;

type Row = {
  [Name in keyof TaskRecord]: Name extends (typeof FLAGS)[number]
    ? number
    : Name extends (typeof JSON_TEXTS)[number]
      ? string
      : TaskRecord[Name];
};

const columns = (sql: Queries) => sql`
  id, build_id AS "buildId", group_id AS "groupId", name, status, reason, labels, resources,
  timeout_s AS "timeoutSeconds", created_ms AS "createdMs", triggered_ms AS "triggeredMs",
  started_ms AS "startedMs", finished_ms AS "finishedMs", worker_id AS "workerId", worker_name AS "workerName",
  session_hash AS "session", handouts, slot_held AS "slotHeld", must_stop AS "mustStop",
  client_secret AS "clientSecret", server_secret AS "serverSecret", agent_problem AS "agentProblem",
  run, run_cause AS "runCause", previous_id AS "previousId", next_id AS "nextId", given_up AS "givenUp",
  class_id AS "classId", hold, manual, stateful, auto_cancel AS "autoCancel",
  required_pr_labels AS "requiredLabels", lock_key AS "lockKey", placed_hub_ms AS "placedHubMs",
  started_hub_ms AS "startedHubMs"`;

function toRecord(row: Row): TaskRecord {
  return {
    ...row,
    labels: JSON.parse(row.labels),
    resources: JSON.parse(row.resources),
    requiredLabels: JSON.parse(row.requiredLabels),
    slotHeld: row.slotHeld === 1,
    mustStop: row.mustStop === 1,
    givenUp: row.givenUp === 1,
    manual: row.manual === 1,
    stateful: row.stateful === 1,
    autoCancel: row.autoCancel === 1,
  };
}

export async function findTask(sql: Queries, id: number): Promise<TaskRecord | undefined> {
  const [row] = await sql<Row[]>`SELECT ${columns(sql)} FROM tasks WHERE id = ${id}`;
  return row === undefined ? undefined : toRecord(row);
}

/** All runs of all tasks of a build, in the order of their groups and then of their runs. */
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

/** How many tasks a build has, runs not counted. */
export async function countTasks(sql: Queries, buildId: number): Promise<number> {
  const [row] = await sql<{ n: number }[]>`
    SELECT COUNT(*) AS n FROM tasks WHERE build_id = ${buildId} AND next_id IS NULL`;
  return row?.n ?? 0;
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
  nextId: 'next_id',
  givenUp: 'given_up',
  hold: 'hold',
  manual: 'manual',
  timeoutSeconds: 'timeout_s',
  placedHubMs: 'placed_hub_ms',
  startedHubMs: 'started_hub_ms',
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
