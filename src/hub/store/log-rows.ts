import type { Queries } from './database.ts';
import type { LogName } from './logs.ts';

/** Bytes of a log that lie in one place: a row of `log_tail`, or an object that a row of `log_segments` names. */
export interface Stretch {
  readonly startByte: number;
  readonly size: number;
}

/** Rows hold at most so much, so that reading one never takes much memory. */
const MAX_ROW_BYTES = 1024 * 1024;

/** Puts bytes at the end of what rows hold of a log. */
export async function addTail(sql: Queries, log: LogName, startByte: number, data: Uint8Array): Promise<void> {
  const { taskId, instruction } = log;
  for (let done = 0; done < data.length; done += MAX_ROW_BYTES) {
    const piece = data.subarray(done, done + MAX_ROW_BYTES);
    await sql`
      INSERT INTO log_tail (task_id, instruction, start_byte, size, data)
      VALUES (${taskId}, ${instruction}, ${startByte + done}, ${piece.length}, ${piece})`;
  }
}

/** Bytes from `from` on out of the one row that has them; empty where none has. */
export async function readTail(sql: Queries, { taskId, instruction }: LogName, from: number): Promise<Uint8Array> {
  const [row] = await sql<{ start_byte: number; data: Uint8Array }[]>`
    SELECT start_byte, data FROM log_tail
    WHERE task_id = ${taskId} AND instruction = ${instruction} AND start_byte <= ${from} AND start_byte + size > ${from}
    ORDER BY start_byte DESC LIMIT 1`;
  return row === undefined ? new Uint8Array() : row.data.subarray(from - row.start_byte);
}

/** Rows from `from` on, in order. */
export async function tailRows(sql: Queries, { taskId, instruction }: LogName, from = 0): Promise<Stretch[]> {
  const rows = await sql<Stretch[]>`
    SELECT start_byte AS "startByte", size FROM log_tail
    WHERE task_id = ${taskId} AND instruction = ${instruction} AND start_byte >= ${from} ORDER BY start_byte`;
  return [...rows];
}

export async function dropTail(sql: Queries, log: LogName, below = Number.MAX_SAFE_INTEGER): Promise<void> {
  const { taskId, instruction } = log;
  await sql`
    DELETE FROM log_tail WHERE task_id = ${taskId} AND instruction = ${instruction} AND start_byte < ${below}`;
}

/** Logs that have rows, those with the most bytes first. */
export async function logsWithTail(
  sql: Queries,
  atLeastBytes: number,
  limit: number,
): Promise<(LogName & { readonly bytes: number })[]> {
  const rows = await sql<(LogName & { bytes: number })[]>`
    SELECT t.build_id AS "buildId", r.task_id AS "taskId", r.instruction, SUM(r.size) AS bytes
    FROM log_tail r JOIN tasks t ON t.id = r.task_id
    GROUP BY t.build_id, r.task_id, r.instruction HAVING SUM(r.size) >= ${atLeastBytes} ORDER BY bytes DESC LIMIT ${limit}`;
  return [...rows];
}

/** Keeps a piece of a log aside that will replace the stored one when it is complete. */
export async function spool(sql: Queries, upload: string, position: number, data: Uint8Array): Promise<void> {
  await sql`INSERT INTO log_spool (upload, position, data) VALUES (${upload}, ${position}, ${data})`;
}

/** What was kept aside, piece by piece. */
export async function spooled(sql: Queries, upload: string, position: number): Promise<Uint8Array | undefined> {
  const [row] = await sql<{ data: Uint8Array }[]>`
    SELECT data FROM log_spool WHERE upload = ${upload} AND position = ${position}`;
  return row?.data;
}

/** Forgets what was kept aside: of one upload, or, at start, of all that a dead process left. */
export async function dropSpool(sql: Queries, upload?: string): Promise<void> {
  const which = upload === undefined ? sql`` : sql`WHERE upload = ${upload}`;
  await sql`DELETE FROM log_spool ${which}`;
}
