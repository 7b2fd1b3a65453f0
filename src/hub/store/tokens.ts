import { createHash, timingSafeEqual } from 'node:crypto';
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

/** Looks a token up by its hash, so that the duration of the search says nothing about any stored token. */
export async function roleOfToken(sql: Queries, token: string): Promise<Role | undefined> {
  const [row] = await sql<{ role: Role }[]>`SELECT role FROM api_tokens WHERE hash = ${hashToken(token)}`;
  return row?.role;
}

export async function addApiToken(sql: Queries, token: string, role: Role, nowMs: number): Promise<void> {
  await sql`INSERT INTO api_tokens (hash, role, created_ms) VALUES (${hashToken(token)}, ${role}, ${nowMs})`;
}

/** A pool of workers. */
export interface Pool {
  readonly id: number;
  readonly name: string;
}

/** The pool of that name, made when it is missing. */
export async function ensurePool(sql: Queries, name: string, id: number, nowMs: number): Promise<Pool> {
  const [found] = await sql<Pool[]>`SELECT id, name FROM pools WHERE name = ${name}`;
  if (found !== undefined) return found;
  await sql`INSERT INTO pools (id, name, created_ms) VALUES (${id}, ${name}, ${nowMs})`;
  return { id, name };
}

/** The pool that a registration token is bound to, or undefined for an unknown token. */
export async function poolOfToken(sql: Queries, token: string): Promise<Pool | undefined> {
  const [pool] = await sql<Pool[]>`
    SELECT p.id, p.name FROM registration_tokens t JOIN pools p ON p.id = t.pool_id
    WHERE t.hash = ${hashToken(token)}`;
  return pool;
}

export async function addRegistrationToken(sql: Queries, token: string, poolId: number, nowMs: number): Promise<void> {
  await sql`
    INSERT INTO registration_tokens (hash, pool_id, created_ms) VALUES (${hashToken(token)}, ${poolId}, ${nowMs})`;
}
