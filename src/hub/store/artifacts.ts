import type { Queries } from './database.ts';
import { doomBlobs } from './upload-parts.ts';

/** A file that a task left. */
export interface ArtifactRecord {
  readonly taskId: number;
  /** Name of the instruction that brought it. */
  readonly name: string;
  /** Relative, with forward slashes. */
  readonly path: string;
  readonly type: string;
  readonly format: string;
  readonly object: string;
  readonly size: number;
  readonly digest: string;
  readonly createdMs: number;
}

const columns = (sql: Queries) => sql`
  task_id AS "taskId", name, path, type, format, object, size, digest, created_ms AS "createdMs"`;

/** Files of a task, by name and path, behind `after` where that is given. */
export async function listArtifactRecords(
  sql: Queries,
  taskId: number,
  limit: number,
  after?: { readonly name: string; readonly path: string },
): Promise<ArtifactRecord[]> {
  const rest =
    after === undefined ? sql`` : sql`AND (name > ${after.name} OR (name = ${after.name} AND path > ${after.path}))`;
  const rows = await sql<ArtifactRecord[]>`
    SELECT ${columns(sql)} FROM artifacts WHERE task_id = ${taskId} ${rest} ORDER BY name, path LIMIT ${limit}`;
  return [...rows];
}

export async function findArtifact(
  sql: Queries,
  taskId: number,
  name: string,
  path: string,
): Promise<ArtifactRecord | undefined> {
  const [row] = await sql<ArtifactRecord[]>`
    SELECT ${columns(sql)} FROM artifacts WHERE task_id = ${taskId} AND name = ${name} AND path = ${path}`;
  return row;
}

/** Files of one group that something is about to replace; at least one path. */
export interface ReplacedFiles {
  readonly name: string;
  readonly paths: readonly string[];
}

/** Files and bytes of a task's artifacts, those not counted that are about to be replaced. */
export async function artifactTotals(
  sql: Queries,
  taskId: number,
  { name, paths }: ReplacedFiles,
): Promise<{ files: number; bytes: number }> {
  const [row] = await sql<{ files: number; bytes: number | null }[]>`
    SELECT COUNT(*) AS files, SUM(size) AS bytes FROM artifacts
    WHERE task_id = ${taskId} AND NOT (name = ${name} AND path IN ${sql([...paths])})`;
  return { files: row?.files ?? 0, bytes: row?.bytes ?? 0 };
}

/** Puts a file in the place of the one that had its name; that one's content goes at `dueMs`. */
export async function putArtifact(sql: Queries, artifact: ArtifactRecord, dueMs: number): Promise<void> {
  const { taskId, name, path, type, format, object, size, digest, createdMs } = artifact;
  const old = await sql<{ object: string }[]>`
    DELETE FROM artifacts WHERE task_id = ${taskId} AND name = ${name} AND path = ${path} RETURNING object`;
  const objects = old.map((row) => row.object);
  await doomBlobs(sql, objects, dueMs);
  await sql`
    INSERT INTO artifacts (task_id, name, path, type, format, object, size, digest, created_ms)
    VALUES (${taskId}, ${name}, ${path}, ${type}, ${format}, ${object}, ${size}, ${digest}, ${createdMs})`;
}

/** Forgets the files of a task; for retention. Their content goes soon after. */
export async function dropArtifactsOf(sql: Queries, taskId: number, dueMs: number): Promise<void> {
  const rows = await sql<{ object: string }[]>`DELETE FROM artifacts WHERE task_id = ${taskId} RETURNING object`;
  const objects = rows.map(({ object }) => object);
  await doomBlobs(sql, objects, dueMs);
}
