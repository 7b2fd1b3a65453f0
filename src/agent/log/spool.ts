import { type FileHandle, open, rm } from 'node:fs/promises';
import { describeError } from '../../lib/errors.ts';
import { systemTrouble } from '../system-trouble.ts';

/** The log of one step, most of it on disk: written at its end, read anywhere. Streams resume from it and it is saved. */
export interface Spool {
  readonly sizeBytes: number;
  /** Bytes of scripts that could not be kept, since the disk or the budget is full. */
  readonly lostBytes: number;
  /** Takes output of a script, in the order of calls. Never rejects: what cannot be kept is counted, and the log says so. */
  append(bytes: Uint8Array): Promise<void>;
  /** Takes words of the agent's own, which are kept in memory where the disk takes nothing more. Never rejects. */
  note(bytes: Uint8Array): Promise<void>;
  /** At most `maxBytes` bytes from `offset` on. Rejects with the system's error. */
  read(offset: number, maxBytes: number): Promise<Uint8Array>;
  /** Closes and deletes it. */
  remove(): Promise<void>;
}

/** How many bytes the logs of a task may take on disk while they wait for the server. */
export class SpoolBudget {
  constructor(private leftBytes: number = 4 * 2 ** 30) {}

  /** Takes up to `bytes`; gives how many that are. */
  take(bytes: number): number {
    const granted = Math.min(bytes, this.leftBytes);
    this.leftBytes -= granted;
    return granted;
  }

  giveBack(bytes: number): void {
    this.leftBytes += bytes;
  }
}

/** Most that notes take in memory. */
const MAX_NOTES_BYTES = 64 * 1024;

class DiskSpool implements Spool {
  lostBytes = 0;
  #diskBytes = 0;
  #granted = 0;
  /** What follows the part on disk; undefined as long as the disk takes everything. */
  #notes: Buffer | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(
    private readonly path: string,
    private readonly file: FileHandle | undefined,
    private readonly budget: SpoolBudget,
  ) {}

  get sizeBytes(): number {
    return this.#diskBytes + (this.#notes?.length ?? 0);
  }

  /** From here on nothing more goes to the disk; the log tells why. */
  end(why: string): void {
    this.#notes ??= Buffer.from(`\n[The rest of the output is not in this log: ${why}]\n`);
  }

  append(bytes: Uint8Array): Promise<void> {
    this.#last = this.#last.then(() => this.#write(bytes, false));
    return this.#last;
  }

  note(bytes: Uint8Array): Promise<void> {
    this.#last = this.#last.then(() => this.#write(bytes, true));
    return this.#last;
  }

  async #write(bytes: Uint8Array, isNote: boolean): Promise<void> {
    let written = 0;
    if (this.#notes === undefined) {
      const granted = this.budget.take(bytes.length);
      this.#granted += granted;
      written = await this.#writeToDisk(bytes.subarray(0, granted));
      if (granted < bytes.length) this.end('all that the logs of a task may take on disk is used up');
    }
    if (this.#notes === undefined || written === bytes.length) return;
    if (isNote) this.#notes = Buffer.concat([this.#notes, bytes.subarray(written)]).subarray(0, MAX_NOTES_BYTES);
    else this.lostBytes += bytes.length - written;
  }

  /** Gives how many bytes came to the disk. */
  async #writeToDisk(bytes: Uint8Array): Promise<number> {
    let written = 0;
    try {
      while (written < bytes.length) {
        const result = await this.file?.write(bytes, written, bytes.length - written, this.#diskBytes);
        const count = result?.bytesWritten ?? 0;
        written += count;
        this.#diskBytes += count;
        if (count === 0) throw new RangeError('the disk takes nothing more');
      }
    } catch (error) {
      this.end(describeError(systemTrouble(error) ?? error));
    }
    return written;
  }

  async read(offset: number, maxBytes: number): Promise<Uint8Array> {
    if (offset >= this.#diskBytes) {
      const start = offset - this.#diskBytes;
      return (this.#notes ?? Buffer.alloc(0)).subarray(start, start + maxBytes);
    }
    const buffer = Buffer.allocUnsafeSlow(Math.min(maxBytes, this.#diskBytes - offset));
    const result = await this.file?.read(buffer, 0, buffer.length, offset);
    return buffer.subarray(0, result?.bytesRead ?? 0);
  }

  async remove(): Promise<void> {
    await this.#last;
    this.budget.giveBack(this.#granted);
    this.#granted = 0;
    await this.file?.close();
    await rm(this.path, { force: true });
  }
}

/** Makes an empty spool, in a file that only this user can read. Where none can be made, it keeps notes alone. */
export async function openSpool(path: string, budget: SpoolBudget): Promise<Spool> {
  try {
    return new DiskSpool(path, await open(path, 'wx+', 0o600), budget);
  } catch (error) {
    const spool = new DiskSpool(path, undefined, budget);
    spool.end(describeError(systemTrouble(error) ?? error));
    return spool;
  }
}
