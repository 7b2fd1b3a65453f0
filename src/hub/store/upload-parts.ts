import type { Queries } from './database.ts';

/** A part of a multipart upload that has come. */
export interface PartRecord {
  readonly part: number;
  readonly size: number;
  readonly etag: string;
}

/** In the order of their numbers. */
export async function partsOf(sql: Queries, object: string): Promise<PartRecord[]> {
  return [
    ...(await sql<PartRecord[]>`SELECT part, size, etag FROM upload_parts WHERE object = ${object} ORDER BY part`),
  ];
}

/** A part that is sent again takes the place of what came before. */
export async function savePart(sql: Queries, object: string, { part, size, etag }: PartRecord): Promise<void> {
  await sql`
    INSERT INTO upload_parts (object, part, size, etag) VALUES (${object}, ${part}, ${size}, ${etag})
    ON CONFLICT (object, part) DO UPDATE SET size = excluded.size, etag = excluded.etag`;
}

/** Blobs that nobody names any more are removed from `dueMs` on: addresses that were given out still find them. */
export async function doomBlobs(sql: Queries, objects: readonly string[], dueMs: number): Promise<void> {
  for (const object of objects) {
    await sql`
      INSERT INTO doomed_blobs (object, due_ms) VALUES (${object}, ${dueMs}) ON CONFLICT (object) DO NOTHING`;
  }
}

export async function dueBlobs(sql: Queries, nowMs: number, limit: number): Promise<string[]> {
  const rows = await sql<{ object: string }[]>`
    SELECT object FROM doomed_blobs WHERE due_ms <= ${nowMs} ORDER BY due_ms LIMIT ${limit}`;
  return rows.map(({ object }) => object);
}

export async function forgetDoomed(sql: Queries, object: string): Promise<void> {
  await sql`DELETE FROM doomed_blobs WHERE object = ${object}`;
}

/** Whether anything still speaks of a blob. */
export async function isBlobKnown(sql: Queries, object: string): Promise<boolean> {
  const rows = await sql`
    SELECT 1 FROM caches WHERE object = ${object} UNION ALL SELECT 1 FROM artifacts WHERE object = ${object}
    UNION ALL SELECT 1 FROM uploads WHERE object = ${object} UNION ALL SELECT 1 FROM doomed_blobs WHERE object = ${object}`;
  return rows.length > 0;
}
