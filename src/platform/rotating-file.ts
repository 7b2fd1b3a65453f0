import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export interface RotationLimits {
  /** The file is set aside before it would grow beyond this. */
  readonly maxBytes: number;
  /** How many older files stay: `FILE.1` is the newest of them. */
  readonly keep: number;
}

/**
 * A log file that is bounded in size. Writing never throws: a full or broken disk loses lines, and `lost` counts them,
 * because a supervisor that dies of its own log would be worse.
 */
export class RotatingFile {
  readonly #path: string;
  readonly #limits: RotationLimits;
  #fd: number | undefined;
  #size = 0;
  lost = 0;

  /** Throws the system's error when the file cannot be opened. Mode 0600; the folder is made when missing. */
  constructor(path: string, limits: RotationLimits) {
    this.#path = path;
    this.#limits = limits;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.#open();
  }

  /** A text stays in one piece; bytes that are more than a file may hold fill several. */
  write(data: string | Uint8Array): void {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    const pieceBytes = typeof data === 'string' ? bytes.length : Math.max(1, this.#limits.maxBytes);
    for (let from = 0; from < bytes.length; from += pieceBytes) this.#append(bytes.subarray(from, from + pieceBytes));
  }

  #append(bytes: Uint8Array): void {
    try {
      if (this.#size > 0 && this.#size + bytes.length > this.#limits.maxBytes) this.#rotate();
      if (this.#fd === undefined) this.#open();
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd ?? -1, bytes, done);
      this.#size += bytes.length;
    } catch {
      this.lost += 1;
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #open(): void {
    this.#fd = openSync(this.#path, 'a', 0o600);
    this.#size = fstatSync(this.#fd).size;
  }

  #rotate(): void {
    this.close();
    for (let index = this.#limits.keep; index > 0; index -= 1) {
      const older = index === 1 ? this.#path : `${this.#path}.${index - 1}`;
      try {
        renameSync(older, `${this.#path}.${index}`);
      } catch {
        // not there yet
      }
    }
    this.#fd = openSync(this.#path, this.#limits.keep > 0 ? 'a' : 'w', 0o600);
    this.#size = fstatSync(this.#fd).size;
  }
}
