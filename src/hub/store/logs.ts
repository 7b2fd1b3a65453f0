import type { Queries } from './database.ts';

/** Names one log: an instruction's output. */
export interface LogName {
  readonly buildId: number;
  readonly taskId: number;
  readonly instruction: string;
}

/** What is stored of a log, apart from its bytes. */
export interface LogState {
  readonly size: number;
  /** How often the agent's final copy has taken the place of what was streamed. */
  readonly generation: number;
}

/** One row of the order in which logs came in: bytes of a log that were stored together. */
export interface ChunkRow {
  readonly seq: number;
  readonly taskId: number;
  readonly instruction: string;
  readonly startByte: number;
  readonly size: number;
  readonly replaces: boolean;
  /** Of the log, when this was read. */
  readonly generation: number;
}

/** Larger pieces are cut, so that readers can work in steps. */
const MAX_CHUNK_BYTES = 1024 * 1024;

/** Most rows that one step of a reader takes. */
const MAX_ROWS = 1_000;

export async function logState(sql: Queries, { taskId, instruction }: LogName): Promise<LogState> {
  const [row] = await sql<LogState[]>`
    SELECT size, generation FROM logs WHERE task_id = ${taskId} AND instruction = ${instruction}`;
  return row ?? { size: 0, generation: 0 };
}

export async function setLogState(sql: Queries, log: LogName, state: LogState, nowMs: number): Promise<void> {
  const { taskId, instruction } = log;
  const { size, generation } = state;
  await sql`
    INSERT INTO logs (task_id, instruction, size, generation, changed_ms)
    VALUES (${taskId}, ${instruction}, ${size}, ${generation}, ${nowMs})
    ON CONFLICT (task_id, instruction) DO UPDATE
      SET size = excluded.size, generation = excluded.generation, changed_ms = excluded.changed_ms`;
}

/** Notes that bytes were added, in rows of at most 1 MiB. */
export async function addChunks(sql: Queries, log: LogName, startByte: number, size: number): Promise<void> {
  for (let done = 0; done < size; done += MAX_CHUNK_BYTES) {
    await insertChunk(sql, log, startByte + done, Math.min(MAX_CHUNK_BYTES, size - done), false);
  }
}

/** Notes that the log begins anew and now has `size` bytes. */
export async function restartChunks(sql: Queries, log: LogName, size: number): Promise<void> {
  await sql`DELETE FROM log_chunks WHERE task_id = ${log.taskId} AND instruction = ${log.instruction}`;
  const first = Math.min(MAX_CHUNK_BYTES, size);
  await insertChunk(sql, log, 0, first, true);
  await addChunks(sql, log, first, size - first);
}

async function insertChunk(sql: Queries, log: LogName, startByte: number, size: number, replaces: boolean) {
  await sql`
    INSERT INTO log_chunks (build_id, task_id, instruction, start_byte, size, replaces)
    VALUES (${log.buildId}, ${log.taskId}, ${log.instruction}, ${startByte}, ${size}, ${replaces ? 1 : 0})`;
}

type Row = Omit<ChunkRow, 'replaces'> & { readonly replaces: number };

/** Rows of a build with `seq` above `afterSeq`, in order, at least one if there is any, about `maxBytes` at most. */
export async function chunksAfter(
  sql: Queries,
  buildId: number,
  afterSeq: number,
  maxBytes: number,
): Promise<ChunkRow[]> {
  const rows = await sql<Row[]>`
    SELECT c.seq, c.task_id AS "taskId", c.instruction, c.start_byte AS "startByte", c.size, c.replaces, l.generation
    FROM log_chunks c JOIN logs l ON l.task_id = c.task_id AND l.instruction = c.instruction
    WHERE c.build_id = ${buildId} AND c.seq > ${afterSeq} ORDER BY c.seq LIMIT ${MAX_ROWS}`;
  const taken: ChunkRow[] = [];
  let total = 0;
  for (const row of rows) {
    total += row.size;
    if (taken.length > 0 && total > maxBytes) break;
    taken.push({ ...row, replaces: row.replaces === 1 });
  }
  return taken;
}
