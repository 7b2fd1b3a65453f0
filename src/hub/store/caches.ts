import type { Queries } from './database.ts';
import { doomBlobs } from './upload-parts.ts';

/** A cache entry as it is stored. */
export interface CacheRecord {
  readonly scope: string;
  readonly key: string;
  readonly object: string;
  readonly size: number;
  readonly digest: string;
  /** The task that made it. */
  readonly taskId: number;
  readonly createdMs: number;
  readonly usedMs: number;
}

const columns = (sql: Queries) => sql`
  scope, cache_key AS "key", object, size, digest, task_id AS "taskId", created_ms AS "createdMs", used_ms AS "usedMs"`;

/** The entry of exactly that key in the first of the scopes that has one. */
export async function findCache(
  sql: Queries,
  scopes: readonly string[],
  key: string,
): Promise<CacheRecord | undefined> {
  for (const scope of scopes) {
    const [row] = await sql<CacheRecord[]>`
      SELECT ${columns(sql)} FROM caches WHERE scope = ${scope} AND cache_key = ${key}`;
    if (row !== undefined) return row;
  }
  return undefined;
}

/** The newest entry whose key begins with `prefix`, in the first of the scopes that has one. */
export async function newestCache(
  sql: Queries,
  scopes: readonly string[],
  prefix: string,
): Promise<CacheRecord | undefined> {
  for (const scope of scopes) {
    const [row] = await sql<CacheRecord[]>`
      SELECT ${columns(sql)} FROM caches
      WHERE scope = ${scope} AND substr(cache_key, 1, length(CAST(${prefix} AS TEXT))) = ${prefix}
      ORDER BY created_ms DESC, cache_key LIMIT 1`;
    if (row !== undefined) return row;
  }
  return undefined;
}

export async function cacheOfObject(sql: Queries, object: string): Promise<CacheRecord | undefined> {
  const [row] = await sql<CacheRecord[]>`SELECT ${columns(sql)} FROM caches WHERE object = ${object}`;
  return row;
}

/** Puts an entry in the place of the one that had its key; that one's content goes at `dueMs`. */
export async function putCache(sql: Queries, cache: CacheRecord, dueMs: number): Promise<void> {
  await removeCache(sql, cache.scope, cache.key, dueMs);
  const { scope, key, object, size, digest, taskId, createdMs, usedMs } = cache;
  await sql`
    INSERT INTO caches (scope, cache_key, object, size, digest, task_id, created_ms, used_ms)
    VALUES (${scope}, ${key}, ${object}, ${size}, ${digest}, ${taskId}, ${createdMs}, ${usedMs})`;
}

export async function removeCache(sql: Queries, scope: string, key: string, dueMs: number): Promise<void> {
  const rows = await sql<{ object: string }[]>`
    DELETE FROM caches WHERE scope = ${scope} AND cache_key = ${key} RETURNING object`;
  const objects = rows.map(({ object }) => object);
  await doomBlobs(sql, objects, dueMs);
}

export async function touchCache(sql: Queries, object: string, nowMs: number): Promise<void> {
  await sql`UPDATE caches SET used_ms = ${nowMs} WHERE object = ${object}`;
}

/** Bytes of all entries. */
export async function totalCacheBytes(sql: Queries): Promise<number> {
  const [row] = await sql<{ n: number | null }[]>`SELECT SUM(size) AS n FROM caches`;
  return row?.n ?? 0;
}

/** Entries that were not used for longest. */
export async function idlestCaches(sql: Queries, limit: number): Promise<CacheRecord[]> {
  return [...(await sql<CacheRecord[]>`SELECT ${columns(sql)} FROM caches ORDER BY used_ms, object LIMIT ${limit}`)];
}
