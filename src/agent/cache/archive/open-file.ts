import { closeSync, fchmodSync, fchownSync, ftruncateSync, futimesSync, openSync, writeSync } from 'node:fs';
import { systemPath } from '../../../lib/raw-name.ts';
import { errnoOf } from '../../../platform/files.ts';
import type { ArchiveEntry, DataRun } from './entry.ts';

/** Bits that let others run a file in its owner's name: right only while the owner is the one they were set for. */
const BORROWED_RIGHTS = 0o6000;

/**
 * Whether the owner could be given: a file system that knows no owners, or an account that may not give files away, is
 * no reason to fail.
 */
export function giveOwner(give: () => void): boolean {
  try {
    give();
    return true;
  } catch (error) {
    if (!['EPERM', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes(errnoOf(error) ?? '')) throw error;
    return false;
  }
}

/** A file that is being written, private until it is whole. Throws the errors of the system. */
export class OpenFile {
  readonly #fd: number;
  readonly #runs: DataRun[];
  #at = 0;
  #isOpen = true;

  constructor(
    path: string,
    private readonly entry: ArchiveEntry,
  ) {
    this.#fd = openSync(systemPath(path), 'wx', 0o600);
    this.#runs = [...(entry.runs ?? [])];
  }

  /** Takes the next piece of content; in a file with holes it may reach over several runs. */
  write(piece: Uint8Array): void {
    if (this.entry.runs === undefined) {
      this.#write(piece, null);
      return;
    }
    for (let done = 0; done < piece.length; ) {
      const [run] = this.#runs;
      if (run === undefined) return;
      const part = piece.subarray(done, done + run.bytes - this.#at);
      this.#write(part, run.at + this.#at);
      done += part.length;
      this.#at += part.length;
      if (this.#at === run.bytes) {
        this.#runs.shift();
        this.#at = 0;
      }
    }
  }

  /** Gives it its size, owner, mode and time, and closes it. */
  finish(owners: boolean): void {
    const { runs, sizeBytes, mode, uid, gid, modifiedS } = this.entry;
    if (runs !== undefined) ftruncateSync(this.#fd, sizeBytes);
    const hasOwner = owners && giveOwner(() => fchownSync(this.#fd, uid, gid));
    fchmodSync(this.#fd, hasOwner ? mode : mode & ~BORROWED_RIGHTS);
    futimesSync(this.#fd, modifiedS, modifiedS);
    this.close();
  }

  close(): void {
    if (this.#isOpen) closeSync(this.#fd);
    this.#isOpen = false;
  }

  #write(bytes: Uint8Array, position: number | null): void {
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(this.#fd, bytes, done, bytes.length - done, position === null ? null : position + done);
    }
  }
}
