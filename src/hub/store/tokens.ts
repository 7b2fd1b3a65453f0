import { createHash, timingSafeEqual } from 'node:crypto';
import { randomToken } from '../../platform/random.ts';
import type { Role } from '../model.ts';
import type { Queries } from './database.ts';

/** Tokens are kept as this alone: 256 random bits need no salt, and a stolen database gives none of them away. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Compares without telling by its duration where the difference is. */
export function sameSecret(left: string, right: string): boolean {
  return timingSafeEqual(Buffer.from(hashToken(left), 'hex'), Buffer.from(hashToken(right), 'hex'));
}

/** A token as it is stored: `poolId` for registration tokens, `role` for API tokens. */
export interface TokenRecord {
  readonly id: string;
  readonly hash: string;
  readonly poolId: number | null;
  readonly pool: string | null;
  readonly role: Role | null;
  readonly note: string;
  readonly createdMs: number;
  readonly expiresMs: number | null;
  readonly revokedMs: number | null;
  readonly usedMs: number | null;
}

const columns = (sql: Queries) => sql`
  t.id, t.hash, t.pool_id AS "poolId", p.name AS pool, t.role, t.note, t.created_ms AS "createdMs",
  t.expires_ms AS "expiresMs", t.revoked_ms AS "revokedMs", t.used_ms AS "usedMs"`;

/** Newest first. */
export async function listTokenRecords(sql: Queries): Promise<TokenRecord[]> {
  const rows = await sql<TokenRecord[]>`
    SELECT ${columns(sql)} FROM tokens t LEFT JOIN pools p ON p.id = t.pool_id ORDER BY t.created_ms DESC, t.id`;
  return [...rows];
}

export async function findTokenById(sql: Queries, id: string): Promise<TokenRecord | undefined> {
  const [row] = await sql<TokenRecord[]>`
    SELECT ${columns(sql)} FROM tokens t LEFT JOIN pools p ON p.id = t.pool_id WHERE t.id = ${id}`;
  return row;
}

/** Looks a token up by its hash, so that the duration of the search says nothing about any stored token. */
export async function findToken(sql: Queries, token: string): Promise<TokenRecord | undefined> {
  const [row] = await sql<TokenRecord[]>`
    SELECT ${columns(sql)} FROM tokens t LEFT JOIN pools p ON p.id = t.pool_id WHERE t.hash = ${hashToken(token)}`;
  return row;
}

/** Whether a token is good at `nowMs` (wall time). */
export function stateOfToken(
  { expiresMs, revokedMs }: Pick<TokenRecord, 'expiresMs' | 'revokedMs'>,
  nowMs: number,
): 'valid' | 'expired' | 'revoked' {
  if (revokedMs !== null) return 'revoked';
  return expiresMs !== null && nowMs >= expiresMs ? 'expired' : 'valid';
}

/** What a token opens: a pool to workers, or a role to people. */
export type TokenPurpose = { readonly poolId: number } | { readonly role: Role };

/** Stores a token by its hash. Returns its id. */
export async function addToken(
  sql: Queries,
  token: string,
  purpose: TokenPurpose,
  about: { readonly nowMs: number; readonly note?: string; readonly expiresMs?: number | null },
): Promise<string> {
  const id = randomToken(5);
  const poolId = 'poolId' in purpose ? purpose.poolId : null;
  const role = 'role' in purpose ? purpose.role : null;
  await sql`
    INSERT INTO tokens (id, hash, pool_id, role, note, created_ms, expires_ms)
    VALUES (${id}, ${hashToken(token)}, ${poolId}, ${role}, ${about.note ?? ''}, ${about.nowMs}, ${about.expiresMs ?? null})`;
  return id;
}

/** Changes when a token ends, or when it was last used. */
export async function patchToken(
  sql: Queries,
  id: string,
  patch: Partial<Pick<TokenRecord, 'expiresMs' | 'revokedMs' | 'usedMs'>>,
): Promise<void> {
  const { expiresMs, revokedMs, usedMs } = patch;
  if (expiresMs !== undefined) await sql`UPDATE tokens SET expires_ms = ${expiresMs} WHERE id = ${id}`;
  if (revokedMs !== undefined) await sql`UPDATE tokens SET revoked_ms = ${revokedMs} WHERE id = ${id}`;
  if (usedMs !== undefined) await sql`UPDATE tokens SET used_ms = ${usedMs} WHERE id = ${id}`;
}
