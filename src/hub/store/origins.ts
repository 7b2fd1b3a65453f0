import { type BuildOrigin, WORK_TREE } from '../variables/origin.ts';
import type { Queries } from './database.ts';

export async function insertOrigin(sql: Queries, buildId: number, origin: BuildOrigin): Promise<void> {
  await sql`INSERT INTO build_origins (build_id, origin) VALUES (${buildId}, ${JSON.stringify(origin)})`;
}

/** Where a build came from; those of before origins were kept are work trees. */
export async function originOf(sql: Queries, buildId: number): Promise<BuildOrigin> {
  const [row] = await sql<{ origin: string }[]>`SELECT origin FROM build_origins WHERE build_id = ${buildId}`;
  return row === undefined ? WORK_TREE : (JSON.parse(row.origin) as BuildOrigin);
}
