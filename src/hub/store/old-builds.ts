import type { Queries } from './database.ts';

/** A build that has ended, with what of it lies outside the database. */
export interface OldBuild {
  readonly id: number;
  readonly treeId: string;
  readonly revision: string;
  readonly branch: string;
}

/** Builds that ended before that time, oldest first. */
export async function buildsEndedBefore(sql: Queries, beforeMs: number, limit: number): Promise<OldBuild[]> {
  const rows = await sql<OldBuild[]>`
    SELECT id, tree_id AS "treeId", revision, branch FROM builds b
    WHERE finished_ms < ${beforeMs} AND status IN ('COMPLETED', 'FAILED', 'ABORTED')
      AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.build_id = b.id AND (t.slot_held = 1 OR t.finished_ms IS NULL))
    ORDER BY id LIMIT ${limit}`;
  return [...rows];
}

/** Builds that have ended before that time and still have logs, oldest first, with the bytes of those. */
export async function buildsWithLogs(
  sql: Queries,
  beforeMs: number,
  limit: number,
): Promise<{ readonly id: number; readonly bytes: number }[]> {
  const rows = await sql<{ id: number; bytes: number }[]>`
    SELECT b.id, SUM(l.size) AS bytes FROM builds b JOIN tasks t ON t.build_id = b.id JOIN logs l ON l.task_id = t.id
    WHERE b.finished_ms < ${beforeMs} AND b.status IN ('COMPLETED', 'FAILED', 'ABORTED')
      AND NOT EXISTS (SELECT 1 FROM tasks o WHERE o.build_id = b.id AND o.slot_held = 1)
    GROUP BY b.id ORDER BY b.id LIMIT ${limit}`;
  return [...rows];
}

export async function totalLogBytes(sql: Queries): Promise<number> {
  const [row] = await sql<{ bytes: number | null }[]>`SELECT SUM(size) AS bytes FROM logs`;
  return row?.bytes ?? 0;
}

export async function isTreeNeeded(sql: Queries, treeId: string): Promise<boolean> {
  return (await sql`SELECT id FROM builds WHERE tree_id = ${treeId} LIMIT 1`).length > 0;
}

export async function isRevisionNeeded(sql: Queries, { revision, branch }: OldBuild): Promise<boolean> {
  return (await sql`SELECT id FROM builds WHERE revision = ${revision} AND branch = ${branch} LIMIT 1`).length > 0;
}
