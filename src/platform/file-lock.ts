import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  type PathLike,
  readSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { errnoOf } from './files.ts';
import { openLibc } from './libc.ts';

/** A lock on a file of our own. The system gives it back when this process ends, however it ends. */
export interface FileLock {
  /** What the file holds; empty for one that was just made. At most 64 KiB. */
  read(): string;
  /** Replaces it. */
  write(text: string): void;
  /** Gives the lock back; `remove` takes the file away first, so that nobody can come to hold what is no longer there. */
  release(how: 'keep' | 'remove'): void;
}

export interface FileLocks {
  /**
   * Locks `path`, which is made with mode 0600 if need be. `held`: another process, or this one, has it. `foreign`: what
   * stands there is no regular file of this user. Never follows a link, never waits. Throws the system's error.
   */
  take(path: PathLike): FileLock | 'held' | 'foreign';
}

const LOCK_EX = 2;
const LOCK_NB = 4;
const MAX_BYTES = 64 * 1024;

/** Between opening and locking, the file may be removed by who held it: then it is tried anew. */
const TRIES = 20;

const { O_CREAT, O_RDWR, O_NOFOLLOW, O_NONBLOCK } = constants;

function openOwn(path: PathLike): number | 'foreign' {
  let fd: number;
  try {
    fd = openSync(path, O_CREAT | O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0o600);
  } catch (error) {
    if (['ELOOP', 'EACCES', 'EPERM', 'EISDIR', 'ENXIO'].includes(errnoOf(error) ?? '')) return 'foreign';
    throw error;
  }
  const { uid, nlink } = fstatSync(fd);
  if (fstatSync(fd).isFile() && uid === process.geteuid?.() && nlink <= 1) return fd;
  closeSync(fd);
  return 'foreign';
}

/** Whether `path` is still the file that `fd` has open. */
function isStill(path: PathLike, fd: number): boolean {
  const [held, named] = [fstatSync(fd), lstatSync(path, { throwIfNoEntry: false })];
  return named !== undefined && held.ino === named.ino && held.dev === named.dev;
}

function lockOf(path: PathLike, fd: number): FileLock {
  return {
    read() {
      const bytes = Buffer.alloc(MAX_BYTES);
      return bytes.toString('utf8', 0, readSync(fd, bytes, 0, MAX_BYTES, 0));
    },
    write(text) {
      ftruncateSync(fd, 0);
      writeSync(fd, text, 0);
    },
    release(how) {
      try {
        if (how === 'remove' && isStill(path, fd)) unlinkSync(path);
      } finally {
        closeSync(fd);
      }
    },
  };
}

/** Locks by flock(2). */
export function openFileLocks(): FileLocks {
  const { flock } = openLibc({ flock: { args: ['i32', 'i32'], returns: 'i32' } });
  return {
    take(path) {
      for (let attempt = 0; attempt < TRIES; attempt += 1) {
        const fd = openOwn(path);
        if (fd === 'foreign') return 'foreign';
        if (flock(fd, LOCK_EX | LOCK_NB) !== 0) {
          closeSync(fd);
          return 'held';
        }
        if (isStill(path, fd)) return lockOf(path, fd);
        closeSync(fd);
      }
      return 'held'; // others take and remove it faster than we can look
    },
  };
}
