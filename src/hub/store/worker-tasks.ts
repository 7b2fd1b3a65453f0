import type { Queries } from './database.ts';

/** Whether a worker has had a task that has ended there, and has none now. */
export async function hasServed(sql: Queries, workerId: number): Promise<boolean> {
  const rows = await sql<{ held: number }[]>`
    SELECT MAX(slot_held) AS held FROM tasks WHERE worker_id = ${workerId} HAVING COUNT(*) > 0`;
  return rows[0]?.held === 0;
}
