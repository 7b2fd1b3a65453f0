import type { ReplacedFiles } from './artifacts.ts';
import type { Queries } from './database.ts';
import { doomBlobs } from './upload-parts.ts';

/** What an agent may upload: a promise that ends by itself. */
export interface UploadRecord {
  /** Name of the blob to be. */
  readonly object: string;
  readonly kind: 'cache' | 'multipart' | 'artifact';
  readonly taskId: number;
  /** Cache scope, or name of the artifacts. */
  readonly scope: string;
  /** Cache key, or path of the artifact. */
  readonly name: string;
  readonly maxSize: number;
  /** Once the content is there, but not yet committed. */
  readonly storedSize: number | null;
  readonly digest: string | null;
  /** What the store calls a multipart upload that it does by itself. */
  readonly remoteId: string | null;
  readonly expiresMs: number;
}

/** Columns of `UploadRecord`, for queries. */
export const uploadColumns = (sql: Queries) => sql`
  object, kind, task_id AS "taskId", scope, name, max_size AS "maxSize", stored_size AS "storedSize", digest,
  remote_id AS "remoteId", expires_ms AS "expiresMs"`;

export async function addUpload(sql: Queries, upload: Omit<UploadRecord, 'storedSize' | 'digest'>): Promise<void> {
  const { object, kind, taskId, scope, name, maxSize, remoteId, expiresMs } = upload;
  await sql`
    INSERT INTO uploads (object, kind, task_id, scope, name, max_size, remote_id, expires_ms)
    VALUES (${object}, ${kind}, ${taskId}, ${scope}, ${name}, ${maxSize}, ${remoteId}, ${expiresMs})`;
}

export async function findUpload(sql: Queries, object: string): Promise<UploadRecord | undefined> {
  const [row] = await sql<UploadRecord[]>`SELECT ${uploadColumns(sql)} FROM uploads WHERE object = ${object}`;
  return row;
}

/** Bytes that the open artifact uploads of a task have brought or may bring, to other files than those. */
export async function artifactUploadBytes(
  sql: Queries,
  taskId: number,
  { name, paths }: ReplacedFiles,
): Promise<number> {
  const [row] = await sql<{ n: number | null }[]>`
    SELECT SUM(COALESCE(stored_size, max_size)) AS n FROM uploads
    WHERE task_id = ${taskId} AND kind = ${'artifact'} AND NOT (scope = ${name} AND name IN ${sql([...paths])})`;
  return row?.n ?? 0;
}

/** Takes back what was promised for a file before; its content, if any came, goes at `dueMs`. */
export async function replaceArtifactUpload(
  sql: Queries,
  upload: Omit<UploadRecord, 'storedSize' | 'digest'>,
  dueMs: number,
) {
  const { taskId, scope, name } = upload;
  const rows = await sql<{ object: string }[]>`
    DELETE FROM uploads WHERE task_id = ${taskId} AND kind = ${'artifact'} AND scope = ${scope} AND name = ${name}
    RETURNING object`;
  const objects = rows.map(({ object }) => object);
  await doomBlobs(sql, objects, dueMs);
  await addUpload(sql, upload);
}

/** How many promises a task has open. */
export async function countUploads(sql: Queries, taskId: number): Promise<number> {
  const [row] = await sql<{ n: number }[]>`SELECT COUNT(*) AS n FROM uploads WHERE task_id = ${taskId}`;
  return row?.n ?? 0;
}

export async function markStored(sql: Queries, object: string, size: number, digest: string): Promise<void> {
  await sql`UPDATE uploads SET stored_size = ${size}, digest = ${digest} WHERE object = ${object}`;
}

/** Forgets a promise with its parts; what became of the content is another matter. */
export async function dropUpload(sql: Queries, object: string): Promise<void> {
  await sql`DELETE FROM upload_parts WHERE object = ${object}`;
  await sql`DELETE FROM uploads WHERE object = ${object}`;
}
