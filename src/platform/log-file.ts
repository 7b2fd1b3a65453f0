import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { AppError } from '../lib/errors.ts';
import { systemClock } from './clock.ts';
import { errnoOf } from './files.ts';

/** What a log file tells: `lost` as soon as a line could not be written, `recovered` when lines can be again. */
export type LogFileTrouble = 'lost' | 'recovered' | 'not-rotated';

export interface LogFileOptions {
  /** The file is set aside before it would grow beyond this; undefined: never. */
  readonly rotateSizeBytes?: number | undefined;
  /** How many files that were set aside stay; 0 keeps all. */
  readonly maxRotations?: number;
  /** Wall time in milliseconds, for the names of files that are set aside. */
  readonly wallMs?: () => number;
  /** Hears a sentence at each turn of fate, not at each line. */
  readonly onTrouble?: (kind: LogFileTrouble, sentence: string) => void;
}

const NEWLINE = 0x0a;

function reasonOf(error: unknown): string {
  return errnoOf(error) ?? String(error);
}

/** `2006-01-02T15-04-05.000`, UTC: specification of the worker, section 10. */
function stampOf(wallMs: number): string {
  return new Date(wallMs).toISOString().slice(0, 23).replaceAll(':', '-');
}

/** Whether a file's last byte is none that ends a line; false where it cannot be read. */
function endsWithinLine(path: string): boolean {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    const { size } = fstatSync(fd);
    const last = new Uint8Array(1);
    return size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== NEWLINE;
  } catch {
    return false; // it may be written only, which is enough for a log
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

const STAMP = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}$/;

/**
 * A log file that is set aside under its date when it is full: `worker.log` becomes `worker-2006-01-02T15-04-05.000.log`.
 * A line is written whole or not at all, in one file, and before the call returns. Neither a full disk nor a folder that
 * is gone stops the caller. Two processes may share a file. Mode 0600; the folder is made when missing.
 */
class LogFile {
  #fd: number | undefined;
  #lost = 0;
  #stuck = false;
  readonly #options: Required<Omit<LogFileOptions, 'rotateSizeBytes'>>;
  readonly #rotateSizeBytes: number;

  /** Throws the system's error when the file cannot be opened. */
  constructor(
    private readonly path: string,
    { rotateSizeBytes = Number.POSITIVE_INFINITY, ...options }: LogFileOptions,
  ) {
    this.#options = { maxRotations: 0, wallMs: systemClock.wallMs, onTrouble: () => {}, ...options };
    this.#rotateSizeBytes = rotateSizeBytes;
    this.#open();
    this.#prune();
  }

  /** Takes one line, newline included. */
  write(line: string): void {
    const bytes = new TextEncoder().encode(line);
    try {
      if (this.#fd === undefined || fstatSync(this.#fd).nlink === 0) this.reopen();
      const { size } = fstatSync(this.#fd ?? -1);
      if (size > 0 && size + bytes.length > this.#rotateSizeBytes) this.#rotate();
      this.#append(bytes);
    } catch (error) {
      this.#lost += 1;
      const sentence = `log file ${this.path} cannot be written (${reasonOf(error)}); lines are lost until it can`;
      if (this.#lost === 1) this.#options.onTrouble('lost', sentence);
      return;
    }
    const lost = this.#lost;
    this.#lost = 0;
    const sentence = `log file ${this.path} can be written again; lines that were lost: ${lost}`;
    if (lost > 0) this.#options.onTrouble('recovered', sentence);
  }

  /** Closes the file and opens what has its name now. Throws the system's error. */
  reopen(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.#open();
  }

  #open(): void {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    this.#fd = openSync(this.path, 'a', 0o600);
    if (endsWithinLine(this.path)) this.#append(new Uint8Array([NEWLINE])); // a process died while it wrote
  }

  /** Writes all of it; what a full disk took of it is taken back, so that no half line stays. */
  #append(bytes: Uint8Array): void {
    const fd = this.#fd ?? -1;
    const before = fstatSync(fd).size;
    let done = 0;
    try {
      while (done < bytes.length) done += writeSync(fd, bytes, done);
    } catch (error) {
      if (done > 0 && fstatSync(fd).size === before + done) ftruncateSync(fd, before);
      throw error;
    }
  }

  /** Sets the file aside, unless another process has just done so. A file that cannot be set aside grows on. */
  #rotate(): void {
    const own = fstatSync(this.#fd ?? -1);
    const named = statSync(this.path, { throwIfNoEntry: false });
    if (named?.ino === own.ino && named.dev === own.dev && !this.#setAside()) return;
    this.reopen();
    this.#prune();
  }

  #setAside(): boolean {
    try {
      renameSync(this.path, this.#freeName());
      this.#stuck = false;
      return true;
    } catch (error) {
      const sentence = `log file ${this.path} cannot be set aside (${reasonOf(error)}); it grows on`;
      if (!this.#stuck) this.#options.onTrouble('not-rotated', sentence);
      this.#stuck = true;
      return false;
    }
  }

  #freeName(): string {
    for (let atMs = this.#options.wallMs(); ; atMs += 1) {
      const name = this.#nameAt(stampOf(atMs));
      if (statSync(name, { throwIfNoEntry: false }) === undefined) return name;
    }
  }

  #nameAt(stamp: string): string {
    const extension = extname(this.path);
    return join(dirname(this.path), `${basename(this.path, extension)}-${stamp}${extension}`);
  }

  #prune(): void {
    const { maxRotations } = this.#options;
    if (maxRotations === 0) return;
    const extension = extname(this.path);
    const prefix = `${basename(this.path, extension)}-`;
    const stampIn = (name: string) => name.slice(prefix.length, name.length - extension.length);
    const isOurs = (name: string) =>
      name.startsWith(prefix) &&
      name.endsWith(extension) &&
      STAMP.test(stampIn(name)) &&
      name === basename(this.#nameAt(stampIn(name)));
    try {
      const ours = readdirSync(dirname(this.path)).filter(isOurs).sort();
      for (const name of ours.slice(0, -maxRotations)) rmSync(join(dirname(this.path), name), { force: true });
    } catch {
      // an old file that cannot be deleted costs space, not lines; the next rotation tries again
    }
  }
}

/** An open log file. */
export interface OpenLogFile {
  /** Takes one line, newline included; never throws. */
  readonly write: (line: string) => void;
  /** Opens what has the file's name now: another program may have set it aside. */
  readonly reopen: () => void;
}

function tryReopen(file: LogFile): void {
  try {
    file.reopen();
  } catch {
    // the next line tries again, and tells
  }
}

/** Opens a log file, see `LogFile`. Throws `AppError` (CONFIG) when it cannot be opened. */
export function openLogFile(path: string, options: LogFileOptions = {}): OpenLogFile {
  try {
    const file = new LogFile(path, options);
    return { write: (line) => file.write(line), reopen: () => tryReopen(file) };
  } catch (error) {
    throw new AppError('CONFIG', `log file ${path} cannot be written (${reasonOf(error)})`, {
      hint: 'choose a file in a folder that this user may write to',
      cause: error,
    });
  }
}
