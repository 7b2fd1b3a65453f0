import { AppError } from '../../lib/errors.ts';
import type { Queries } from './database.ts';
import type { Dialect } from './dialect.ts';
import { ID_SLOTS } from './ids.ts';

/** A hub that was not heard of for so long is gone, and another may have its slot. */
const GONE_MS = 60_000;

/**
 * The time of day by the database's clock, which is one for all hubs on it; on SQLite, where there is one hub, by its
 * own clock, given as `wallMs`.
 */
export async function sharedNow(sql: Queries, { engine }: Dialect, wallMs: number): Promise<number> {
  if (engine === 'sqlite') return Math.floor(wallMs);
  const [row] = await sql<{ now: number }[]>`
    SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint AS now`;
  return row?.now ?? Math.floor(wallMs);
}

/**
 * Says that the hub of that name is there, and resolves with its slot: the one it has, or a free one. Throws `AppError`
 * (UNAVAILABLE) when as many hubs are there as there are slots.
 */
export async function keepSlot(sql: Queries, name: string, nowMs: number): Promise<number> {
  const [own] = await sql<{ slot: number }[]>`UPDATE hubs SET seen_ms = ${nowMs} WHERE name = ${name} RETURNING slot`;
  if (own !== undefined) return own.slot;
  await sql`DELETE FROM hubs WHERE seen_ms < ${nowMs - GONE_MS}`;
  const taken = await sql<{ slot: number }[]>`SELECT slot FROM hubs`;
  const slot = Array.from({ length: ID_SLOTS }, (_, number) => number).find(
    (number) => !taken.some((row) => row.slot === number),
  );
  if (slot === undefined) {
    const hint = `stop one of the ${ID_SLOTS} hubs that serve from it, or wait a minute if one has just ended`;
    throw new AppError('UNAVAILABLE', 'too many hubs serve from this database', { hint });
  }
  await sql`INSERT INTO hubs (slot, name, seen_ms) VALUES (${slot}, ${name}, ${nowMs})`;
  return slot;
}

/** The hub ends in good order. */
export async function leaveSlot(sql: Queries, name: string): Promise<void> {
  await sql`DELETE FROM hubs WHERE name = ${name}`;
}

/** While somebody has it, no hub removes a file that a stored state may speak of. */
export const BACKUP_LEASE = 'backup';

/** Takes or keeps what only one process may do at a time, until then; false when another has it. */
export async function takeLease(
  sql: Queries,
  lease: { readonly name: string; readonly holder: string; readonly untilMs: number },
  nowMs: number,
): Promise<boolean> {
  const { name, holder, untilMs } = lease;
  await sql`
    INSERT INTO leases (name, holder, until_ms) VALUES (${name}, ${holder}, ${untilMs})
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms
      WHERE leases.holder = excluded.holder OR leases.until_ms < ${nowMs}`;
  const [row] = await sql<{ holder: string }[]>`SELECT holder FROM leases WHERE name = ${name}`;
  return row?.holder === holder;
}

export async function dropLease(sql: Queries, name: string, holder: string): Promise<void> {
  await sql`DELETE FROM leases WHERE name = ${name} AND holder = ${holder}`;
}

/** Whether anybody has it. */
export async function isLeased(sql: Queries, name: string, nowMs: number): Promise<boolean> {
  const rows = await sql`SELECT holder FROM leases WHERE name = ${name} AND until_ms >= ${nowMs}`;
  return rows.length > 0;
}
