import type { Queries } from './database.ts';

/** So many of the newest are kept, each of a bounded size. */
export const KEPT_WORLDS = 1_000;

/** Keeps what decisions were made from. Resolves with its id. */
export async function insertWorld(sql: Queries, world: string): Promise<number> {
  const [row] = await sql<{ id: number }[]>`INSERT INTO worlds (world) VALUES (${world}) RETURNING id`;
  const id = row?.id ?? 0;
  await sql`DELETE FROM worlds WHERE id <= ${id - KEPT_WORLDS}`;
  return id;
}

/** The world that a decision was made in; undefined when it had none, or is no longer kept. */
export async function worldOfDecision(sql: Queries, decisionId: number): Promise<string | undefined> {
  const [row] = await sql<{ world: string }[]>`
    SELECT w.world FROM decisions d JOIN worlds w ON w.id = d.world_id WHERE d.id = ${decisionId}`;
  return row?.world;
}
