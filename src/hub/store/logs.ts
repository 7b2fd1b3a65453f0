import type { LogChunk } from '../model.ts';
import type { Queries } from './database.ts';

/** Names one log: an instruction's output. */
export interface LogName {
  readonly buildId: number;
  readonly taskId: number;
  readonly instruction: string;
}

/** Larger pieces are cut, so that readers can work in steps. */
const MAX_CHUNK_BYTES = 1024 * 1024;

/** About what one answer of `readChunks` holds. */
const MAX_READ_BYTES = 4 * 1024 * 1024;

function* cut(data: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < data.length; start += MAX_CHUNK_BYTES) {
    yield data.subarray(start, start + MAX_CHUNK_BYTES);
  }
}

async function insertChunk(sql: Queries, log: LogName, startByte: number, data: Uint8Array, replaces: boolean) {
  await sql`
    INSERT INTO log_chunks (build_id, task_id, instruction, start_byte, size, replaces, data)
    VALUES (${log.buildId}, ${log.taskId}, ${log.instruction}, ${startByte}, ${data.length}, ${replaces ? 1 : 0}, ${data})`;
}

/** Bytes stored of a log. */
async function logSize(sql: Queries, { taskId, instruction }: LogName): Promise<number> {
  const [row] = await sql<{ size: number }[]>`
    SELECT size FROM logs WHERE task_id = ${taskId} AND instruction = ${instruction}`;
  return row?.size ?? 0;
}

async function setSize(sql: Queries, { taskId, instruction }: LogName, size: number): Promise<void> {
  await sql`
    INSERT INTO logs (task_id, instruction, size) VALUES (${taskId}, ${instruction}, ${size})
    ON CONFLICT (task_id, instruction) DO UPDATE SET size = excluded.size`;
}

/** A part of a log on its way in. `position` is where it begins in the whole log, where the sender says so. */
export interface Piece {
  readonly data: Uint8Array;
  readonly position?: number | undefined;
}

/** Adds to the end of a log; of pieces with a position, only what is not stored yet. */
export async function appendLog(sql: Queries, log: LogName, pieces: readonly Piece[]): Promise<void> {
  let size = await logSize(sql, log);
  const fresh: Uint8Array[] = [];
  let startByte = size;
  for (const { data, position = size } of pieces) {
    const rest = data.subarray(Math.min(data.length, Math.max(0, size - position)));
    fresh.push(rest);
    size += rest.length;
  }
  for (const data of cut(Buffer.concat(fresh))) {
    await insertChunk(sql, log, startByte, data, false);
    startByte += data.length;
  }
  await setSize(sql, log, size);
}

/** Stored bytes from `from` on, at most one stored piece of them; empty at the end. */
export async function readAt(sql: Queries, { taskId, instruction }: LogName, from: number): Promise<Uint8Array> {
  const [row] = await sql<{ start_byte: number; data: Uint8Array }[]>`
    SELECT start_byte, data FROM log_chunks
    WHERE task_id = ${taskId} AND instruction = ${instruction} AND start_byte <= ${from} AND start_byte + size > ${from}
    ORDER BY start_byte DESC LIMIT 1`;
  return row === undefined ? new Uint8Array() : row.data.subarray(from - row.start_byte);
}

/** Keeps a piece of a log aside that will replace the stored one when it is complete. */
export async function spool(sql: Queries, upload: string, position: number, data: Uint8Array): Promise<void> {
  await sql`INSERT INTO log_spool (upload, position, data) VALUES (${upload}, ${position}, ${data})`;
}

/** Puts what was kept aside in the place of the stored log, under new sequence numbers. */
export async function replaceLog(sql: Queries, log: LogName, upload: string): Promise<void> {
  await sql`DELETE FROM log_chunks WHERE task_id = ${log.taskId} AND instruction = ${log.instruction}`;
  const positions = await sql<{ position: number }[]>`
    SELECT position FROM log_spool WHERE upload = ${upload} ORDER BY position`;
  let size = 0;
  for (const { position } of positions) {
    const [row] = await sql<{ data: Uint8Array }[]>`
      SELECT data FROM log_spool WHERE upload = ${upload} AND position = ${position}`;
    for (const piece of cut(row?.data ?? new Uint8Array())) {
      await insertChunk(sql, log, size, piece, size === 0);
      size += piece.length;
    }
  }
  if (size === 0) await insertChunk(sql, log, 0, new Uint8Array(), true);
  await setSize(sql, log, size);
  await dropSpool(sql, upload);
}

/** Forgets what was kept aside: of one upload, or, at start, of all that a dead process left. */
export async function dropSpool(sql: Queries, upload?: string): Promise<void> {
  const which = upload === undefined ? sql`` : sql`WHERE upload = ${upload}`;
  await sql`DELETE FROM log_spool ${which}`;
}

interface ChunkRow {
  seq: number;
  task_id: number;
  instruction: string;
  start_byte: number;
  replaces: number;
  data: Uint8Array;
}

/** Pieces of a build's logs with `seq` above `afterSeq`, in order, at least one if there is any, about 4 MiB at most. */
export async function readChunks(sql: Queries, buildId: number, afterSeq: number): Promise<LogChunk[]> {
  const sizes = await sql<{ seq: number; size: number }[]>`
    SELECT seq, size FROM log_chunks WHERE build_id = ${buildId} AND seq > ${afterSeq} ORDER BY seq LIMIT 1000`;
  let total = 0;
  let last = afterSeq;
  for (const { seq, size } of sizes) {
    total += size;
    if (last > afterSeq && total > MAX_READ_BYTES) break;
    last = seq;
  }
  if (last === afterSeq) return [];
  const rows = await sql<ChunkRow[]>`
    SELECT seq, task_id, instruction, start_byte, replaces, data FROM log_chunks
    WHERE build_id = ${buildId} AND seq > ${afterSeq} AND seq <= ${last} ORDER BY seq`;
  return rows.map((row) => ({
    seq: row.seq,
    taskId: String(row.task_id),
    instruction: row.instruction,
    offset: row.start_byte,
    replaces: row.replaces === 1,
    data: row.data,
  }));
}
