import type { Queries } from './database.ts';
import { type UploadRecord, uploadColumns } from './uploads.ts';

/** Uploads of that kind to that very name, oldest promise first. */
export async function uploadsTo(
  sql: Queries,
  kind: UploadRecord['kind'],
  scope: string,
  name: string,
): Promise<UploadRecord[]> {
  return [
    ...(await sql<UploadRecord[]>`
      SELECT ${uploadColumns(sql)} FROM uploads WHERE kind = ${kind} AND scope = ${scope} AND name = ${name}
      ORDER BY expires_ms, object`),
  ];
}

/** Open uploads of a kind, oldest promise first. */
export async function openUploads(sql: Queries, kind: UploadRecord['kind'], limit: number): Promise<UploadRecord[]> {
  const rows = await sql<UploadRecord[]>`
    SELECT ${uploadColumns(sql)} FROM uploads WHERE kind = ${kind} ORDER BY expires_ms, object LIMIT ${limit}`;
  return [...rows];
}

export async function expiredUploads(sql: Queries, nowMs: number, limit: number): Promise<UploadRecord[]> {
  return [
    ...(await sql<UploadRecord[]>`
      SELECT ${uploadColumns(sql)} FROM uploads WHERE expires_ms <= ${nowMs} ORDER BY expires_ms LIMIT ${limit}`),
  ];
}

/** Uploads of a task's artifacts of one name, by path; of several to one path the newest promise. */
export async function artifactUploads(sql: Queries, taskId: number, scope: string): Promise<Map<string, UploadRecord>> {
  const rows = await sql<UploadRecord[]>`
    SELECT ${uploadColumns(sql)} FROM uploads WHERE task_id = ${taskId} AND kind = ${'artifact'} AND scope = ${scope}
    ORDER BY expires_ms, object`;
  return new Map(rows.map((row) => [row.name, row]));
}
