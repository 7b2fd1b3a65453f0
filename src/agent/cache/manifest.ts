import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { systemPath } from '../../lib/raw-name.ts';
import { Left } from './archive/left.ts';
import { type Found, walk } from './archive/walk.ts';

interface Note {
  readonly kind: Found['kind'];
  readonly mode: number;
  readonly sizeBytes: number;
  readonly linkTarget: string;
  readonly modifiedMs: number;
  readonly changedMs: number;
  readonly inode: number;
  /** SHA-256 of the content, where it was taken while the file was written. */
  readonly hash: string | undefined;
}

/** What lay in the folders of a cache at one moment, by path. */
export interface Manifest {
  readonly notes: ReadonlyMap<string, Note>;
  /** Wall clock of that moment. */
  readonly takenMs: number;
}

export interface Change {
  readonly what: 'created' | 'modified' | 'deleted';
  readonly path: string;
}

/** File times move in steps of the kernel's clock: what changed this shortly before a look may change again unseen. */
const TIME_STEP_MS = 20;

/** Files between two breaks in which other work of the agent goes on. */
const BREAK_EVERY = 500;

function noteOf({ kind, stats, linkTarget }: Found, hash: string | undefined): Note {
  return {
    kind,
    mode: stats.mode & 0o7777,
    sizeBytes: kind === 'file' ? stats.size : 0,
    linkTarget,
    modifiedMs: stats.mtimeMs,
    changedMs: stats.ctimeMs,
    inode: stats.ino,
    hash,
  };
}

async function* found(paths: readonly string[], signal: AbortSignal): AsyncGenerator<Found> {
  let count = 0;
  for (const path of paths) {
    try {
      for (const one of walk([{ name: '', path }], new Left())) {
        yield one;
        count += 1;
        if (count % BREAK_EVERY !== 0) continue;
        await setImmediate();
        signal.throwIfAborted();
      }
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
}

/** Looks at what lies below these paths. `hashes` are those of files that were just written. Throws the system's errors. */
export async function takeManifest(
  paths: readonly string[],
  hashes: ReadonlyMap<string, string>,
  takenMs: number,
  signal: AbortSignal,
): Promise<Manifest> {
  const notes = new Map<string, Note>();
  for await (const one of found(paths, signal)) notes.set(one.path, noteOf(one, hashes.get(one.path)));
  return { notes, takenMs };
}

function hashOf(path: string): string {
  const buffer = Buffer.allocUnsafe(1 << 20);
  const hash = createHash('sha256');
  const fd = openSync(systemPath(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    for (let count = readSync(fd, buffer); count > 0; count = readSync(fd, buffer))
      hash.update(buffer.subarray(0, count));
  } finally {
    closeSync(fd);
  }
  return hash.digest('base64');
}

/** Whether something is what it was; a file is read only when its times leave that open. */
function isSame(before: Note, now: Note, path: string, takenMs: number): boolean {
  if (before.kind !== now.kind || before.mode !== now.mode) return false;
  if (before.linkTarget !== now.linkTarget || before.sizeBytes !== now.sizeBytes) return false;
  if (now.kind !== 'file') return true;
  const untouched =
    before.inode === now.inode && before.modifiedMs === now.modifiedMs && before.changedMs === now.changedMs;
  if (untouched && (before.changedMs < takenMs - TIME_STEP_MS || before.hash === undefined)) return true;
  return before.hash !== undefined && before.hash === hashOf(path);
}

/**
 * What is different below these paths from what it was: names, kinds, modes, link targets and contents count; owners
 * and times do not. Throws the system's errors.
 */
export async function changesSince(
  { notes, takenMs }: Manifest,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<readonly Change[]> {
  const changes: Change[] = [];
  const seen = new Set<string>();
  for await (const one of found(paths, signal)) {
    seen.add(one.path);
    const before = notes.get(one.path);
    if (before === undefined) changes.push({ what: 'created', path: one.path });
    else if (!isSame(before, noteOf(one, undefined), one.path, takenMs))
      changes.push({ what: 'modified', path: one.path });
  }
  for (const path of notes.keys()) if (!seen.has(path)) changes.push({ what: 'deleted', path });
  return changes;
}
