import type { LogChunk } from '../model.ts';
import type { Database } from '../store/database.ts';
import { type ChunkRow, chunksAfter, type LogName, logState } from '../store/logs.ts';
import type { LogStorage } from './log-storage.ts';

/** About what one answer of `chunks` holds. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** What `whole` reads at a time. */
const PIECE_BYTES = 1024 * 1024;

/** Rows of one log that follow each other without a gap, so that they are read at once. */
interface Run {
  readonly first: ChunkRow;
  readonly rows: ChunkRow[];
  size: number;
}

function runsOf(rows: readonly ChunkRow[]): Run[] {
  const open = new Map<string, Run>();
  const runs: Run[] = [];
  for (const row of rows) {
    const key = `${row.taskId} ${row.instruction}`;
    const run = open.get(key);
    if (run !== undefined && !row.replaces && run.first.startByte + run.size === row.startByte) {
      run.rows.push(row);
      run.size += row.size;
      continue;
    }
    const fresh = { first: row, rows: [row], size: row.size };
    open.set(key, fresh);
    runs.push(fresh);
  }
  return runs;
}

/** Logs as they are read: one after the other as they came, or one as a whole. */
export class LogReader {
  constructor(
    private readonly store: Database,
    private readonly storage: LogStorage,
  ) {}

  /**
   * Pieces of a build's logs with `seq` above `afterSeq`, in order, at least one if there is any, about 4 MiB at most.
   * Of a log that is replaced while it is read, pieces may be cut short; the one that begins it anew comes next.
   */
  async chunks(buildId: number, afterSeq: number): Promise<LogChunk[]> {
    const rows = await this.store.read((sql) => chunksAfter(sql, buildId, afterSeq, MAX_ANSWER_BYTES));
    const dataOf = new Map<ChunkRow, Uint8Array>();
    await Promise.all(
      runsOf(rows).map(async ({ first, rows: own, size }) => {
        const log = { buildId, taskId: first.taskId, instruction: first.instruction };
        const data = await this.storage.read(log, first.generation, first.startByte, first.startByte + size);
        for (const row of own) {
          const at = row.startByte - first.startByte;
          dataOf.set(row, data.subarray(at, at + row.size));
        }
      }),
    );
    return rows.map((row) => ({
      seq: row.seq,
      taskId: String(row.taskId),
      instruction: row.instruction,
      offset: row.startByte,
      replaces: row.replaces,
      data: dataOf.get(row) ?? new Uint8Array(),
    }));
  }

  /** The whole log as it is stored while it is read, in pieces. */
  async *whole(log: LogName): AsyncGenerator<Uint8Array> {
    const { generation } = await this.store.read((sql) => logState(sql, log));
    for (let at = 0; ; ) {
      const state = await this.store.read((sql) => logState(sql, log));
      const end = Math.min(state.size, at + PIECE_BYTES);
      if (end <= at || state.generation !== generation) return;
      const piece = await this.storage.read(log, generation, at, end);
      if (piece.length === 0) return;
      yield piece;
      at += piece.length;
    }
  }
}
