import type { Queries } from './database.ts';

/** Names an execution lock: locks are a repository's own. */
export function lockKey(repository: string, name: string): string {
  return `${repository}\n${name}`;
}

/** The name that was written for a lock. */
export function lockName(key: string): string {
  return key.slice(key.indexOf('\n') + 1);
}

/** Takes a lock unless somebody has it. Resolves with whether the task has it now. */
export async function takeLock(sql: Queries, key: string, taskId: number): Promise<boolean> {
  await sql`INSERT INTO locks (lock_key, task_id) VALUES (${key}, ${taskId}) ON CONFLICT (lock_key) DO NOTHING`;
  return (await lockHolder(sql, key)) === taskId;
}

export async function lockHolder(sql: Queries, key: string): Promise<number | undefined> {
  const [row] = await sql<{ id: number }[]>`SELECT task_id AS id FROM locks WHERE lock_key = ${key}`;
  return row?.id;
}

/** Lets go of what the task holds. Resolves with the task that has waited longest for it, which may have it now. */
export async function releaseLock(sql: Queries, taskId: number): Promise<number | undefined> {
  const [gone] = await sql<{ key: string }[]>`DELETE FROM locks WHERE task_id = ${taskId} RETURNING lock_key AS key`;
  if (gone === undefined) return undefined;
  const [next] = await sql<{ id: number }[]>`
    SELECT id FROM tasks WHERE lock_key = ${gone.key} AND hold = ${'lock'} AND status = ${'TRIGGERED'}
    ORDER BY triggered_ms, id LIMIT 1`;
  return next?.id;
}

/** A new run of a task goes on with what the old one held, so that no other comes between them. */
export async function handLock(sql: Queries, fromId: number, toId: number): Promise<void> {
  await sql`UPDATE locks SET task_id = ${toId} WHERE task_id = ${fromId}`;
}
