import { DEFAULT_POOL_SETTINGS, type PoolSettings } from '../pool-model.ts';
import type { Queries } from './database.ts';

/** A pool of workers. */
export interface Pool {
  readonly id: number;
  readonly name: string;
  readonly settings: PoolSettings;
  readonly createdMs: number;
}

interface Row {
  id: number;
  name: string;
  settings: string;
  created_ms: number;
}

/** Only what differs from the defaults is stored, so that a better default reaches the pools that did not choose. */
function toPool({ id, name, settings, created_ms }: Row): Pool {
  const chosen = JSON.parse(settings) as Partial<PoolSettings>;
  return { id, name, settings: { ...DEFAULT_POOL_SETTINGS, ...chosen }, createdMs: created_ms };
}

function chosenOf(settings: PoolSettings): string {
  const names = Object.keys(DEFAULT_POOL_SETTINGS) as (keyof PoolSettings)[];
  const chosen = names.filter((name) => settings[name] !== DEFAULT_POOL_SETTINGS[name]);
  return JSON.stringify(Object.fromEntries(chosen.map((name) => [name, settings[name]])));
}

/** By name. */
export async function listPools(sql: Queries): Promise<Pool[]> {
  const rows = await sql<Row[]>`SELECT id, name, settings, created_ms FROM pools ORDER BY name`;
  return rows.map(toPool);
}

export async function findPool(sql: Queries, name: string): Promise<Pool | undefined> {
  const [row] = await sql<Row[]>`SELECT id, name, settings, created_ms FROM pools WHERE name = ${name}`;
  return row === undefined ? undefined : toPool(row);
}

export async function poolById(sql: Queries, id: number): Promise<Pool | undefined> {
  const [row] = await sql<Row[]>`SELECT id, name, settings, created_ms FROM pools WHERE id = ${id}`;
  return row === undefined ? undefined : toPool(row);
}

/** The pool of that name, made when it is missing. */
export async function ensurePool(sql: Queries, name: string, id: number, nowMs: number): Promise<Pool> {
  await sql`
    INSERT INTO pools (id, name, created_ms, settings) VALUES (${id}, ${name}, ${nowMs}, ${'{}'})
    ON CONFLICT (name) DO NOTHING`;
  const pool = await findPool(sql, name);
  if (pool === undefined) throw new TypeError('a pool has gone that was just stored');
  return pool;
}

export async function savePoolSettings(sql: Queries, id: number, settings: PoolSettings): Promise<void> {
  await sql`UPDATE pools SET settings = ${chosenOf(settings)} WHERE id = ${id}`;
}

/** Removes a pool and its tokens; workers of it must be gone. */
export async function deletePool(sql: Queries, id: number): Promise<void> {
  await sql`DELETE FROM tokens WHERE pool_id = ${id}`;
  await sql`DELETE FROM pools WHERE id = ${id}`;
}
