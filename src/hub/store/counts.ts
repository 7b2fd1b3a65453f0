import type { StatusName } from '../model.ts';
import type { Queries } from './database.ts';

export interface StatusCount {
  readonly status: StatusName;
  readonly count: number;
}

/** How many tasks and builds there are of each status, and since when the first task in line has been waiting. */
export async function countAll(
  sql: Queries,
): Promise<{ tasks: StatusCount[]; builds: StatusCount[]; waitingSinceMs: number | null }> {
  const tasks = await sql<StatusCount[]>`SELECT status, COUNT(*) AS count FROM tasks GROUP BY status`;
  const builds = await sql<StatusCount[]>`SELECT status, COUNT(*) AS count FROM builds GROUP BY status`;
  const [first] = await sql<{ since: number | null }[]>`
    SELECT MIN(triggered_ms) AS since FROM tasks WHERE status = ${'TRIGGERED'}`;
  return { tasks: [...tasks], builds: [...builds], waitingSinceMs: first?.since ?? null };
}
