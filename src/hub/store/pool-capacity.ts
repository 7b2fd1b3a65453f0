import type { Queries } from './database.ts';

/** When a pool expects to have more workers. */
export interface ExpectedCapacity {
  readonly pool: string;
  readonly atMs: number;
  readonly note: string;
}

export async function saveExpectedCapacity(sql: Queries, { pool, atMs, note }: ExpectedCapacity): Promise<void> {
  await sql`
    INSERT INTO pool_capacity (pool, at_ms, note) VALUES (${pool}, ${atMs}, ${note})
    ON CONFLICT (pool) DO UPDATE SET at_ms = excluded.at_ms, note = excluded.note`;
}

export async function forgetExpectedCapacity(sql: Queries, pool: string): Promise<void> {
  await sql`DELETE FROM pool_capacity WHERE pool = ${pool}`;
}

/** What pools expect that is still to come, soonest first. */
export async function expectedCapacity(sql: Queries, wallMs: number): Promise<ExpectedCapacity[]> {
  const rows = await sql<ExpectedCapacity[]>`
    SELECT pool, at_ms AS "atMs", note FROM pool_capacity WHERE at_ms > ${wallMs} ORDER BY at_ms`;
  return [...rows];
}
