import type { LogName } from '../store/logs.ts';

/** A part of a log on its way in. `position` is where it begins in the whole log, where the sender says so. */
export interface Piece {
  readonly data: Uint8Array;
  readonly position?: number | undefined;
}

/** Pieces of one log, in their order. */
export interface LogGroup {
  readonly log: LogName;
  readonly pieces: readonly Piece[];
}

/** A copy of a log that is kept aside until it takes the stored one's place. */
export interface LogCopy {
  add(data: Uint8Array): Promise<void>;
  /** Puts it in the place of the stored log, in one step, under new sequence numbers. */
  commit(): Promise<void>;
  discard(): Promise<void>;
}

/** Where the bytes of logs are. Everything that changes them has reached the disk when it resolves. */
export interface LogStorage {
  /** Adds to the ends of logs, all or none; of pieces with a position, only what is not stored yet. */
  append(groups: readonly LogGroup[]): Promise<void>;
  /** Stored bytes of a range, fewer only where the log has changed since or ends. */
  read(log: LogName, generation: number, from: number, to: number): Promise<Uint8Array>;
  beginCopy(log: LogName): LogCopy;
  /** Removes the bytes of logs whose rows are gone: of those tasks, in files or in segments of those names. */
  forget(tasks: readonly number[], segments: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** The bytes of `pieces` that a log of `size` bytes lacks, in one. */
export function freshBytes(size: number, pieces: readonly Piece[]): Uint8Array {
  const fresh: Uint8Array[] = [];
  let end = size;
  for (const { data, position = end } of pieces) {
    const rest = data.subarray(Math.min(data.length, Math.max(0, end - position)));
    fresh.push(rest);
    end += rest.length;
  }
  const [only] = fresh;
  return fresh.length === 1 && only !== undefined ? only : Buffer.concat(fresh);
}
