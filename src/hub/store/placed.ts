import type { Amounts } from '../../lib/amounts.ts';
import type { Queries } from './database.ts';

/** What the tasks on each of these workers take up, by worker; those without any are missing. */
export async function placedOn(sql: Queries, workerIds: readonly number[]): Promise<Map<number, Amounts[]>> {
  if (workerIds.length === 0) return new Map();
  const rows = await sql<{ worker: number; resources: string }[]>`
    SELECT worker_id AS worker, resources FROM tasks WHERE slot_held = 1 AND worker_id IN ${sql(workerIds)}`;
  const amounts = new Map<number, Amounts[]>();
  for (const { worker, resources } of rows) {
    amounts.set(worker, [...(amounts.get(worker) ?? []), JSON.parse(resources) as Amounts]);
  }
  return amounts;
}

/** How many tasks the workers of a pool run. */
export async function placedInPool(sql: Queries, poolId: number): Promise<number> {
  const [row] = await sql<{ n: number }[]>`
    SELECT COUNT(*) AS n FROM tasks t JOIN workers w ON w.id = t.worker_id WHERE t.slot_held = 1 AND w.pool_id = ${poolId}`;
  return row?.n ?? 0;
}

/** What these tasks take up where they still run although nobody counts on them; unknown ones take up something. */
export async function resourcesOf(sql: Queries, taskIds: readonly number[]): Promise<Amounts[]> {
  if (taskIds.length === 0) return [];
  const rows = await sql<{ id: number; resources: string }[]>`
    SELECT id, resources FROM tasks WHERE id IN ${sql(taskIds)}`;
  const known = new Map(rows.map(({ id, resources }) => [id, JSON.parse(resources) as Amounts]));
  return taskIds.map((id) => known.get(id) ?? {});
}

/** Workers that tasks take up places of. */
export async function workersWithTasks(sql: Queries): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    SELECT DISTINCT worker_id AS id FROM tasks WHERE slot_held = 1 AND worker_id IS NOT NULL`;
  return rows.map(({ id }) => id);
}

/** A task that runs for longer than it may. */
export interface Overdue {
  readonly id: number;
  readonly timeoutSeconds: number;
}

/** Tasks that have had their time and `graceMs` more, at most `limit`. */
export async function overdueTasks(sql: Queries, hubMs: number, graceMs: number, limit: number): Promise<Overdue[]> {
  const rows = await sql<Overdue[]>`
    SELECT id, timeout_s AS "timeoutSeconds" FROM tasks
    WHERE slot_held = 1 AND must_stop = 0 AND status IN (${'SCHEDULED'}, ${'EXECUTING'})
      AND COALESCE(started_hub_ms, placed_hub_ms, ${hubMs}) + timeout_s * 1000 < ${hubMs - graceMs} LIMIT ${limit}`;
  return [...rows];
}
