import { lstatSync, type PathLike, readdirSync } from 'node:fs';
import { nameOfBytes, systemPath } from '../../lib/raw-name.ts';
import type { FileLock, FileLocks } from '../../platform/file-lock.ts';
import { errnoOf } from '../../platform/files.ts';
import { randomToken } from '../../platform/random.ts';
import { removeTree } from './remove-tree.ts';

/** How everything is called that a restore makes in a folder for a while. */
const MARK = '.pwagent-cache-';
const LOCK = '-lock';

/** Whether a name is of the restore's own making, of this agent or of another that works beside it. */
export const isStagingName = (name: string) => name.startsWith(MARK);

/** A beginning of names in a folder that no other agent uses, and that no other clears away while this one lives. */
export interface Claim {
  readonly path: string;
  release(): void;
}

/** Claims names in `folder`; undefined where this user may make nothing. Throws the system's other errors. */
export function claimNames(folder: string, locks: FileLocks): Claim | undefined {
  const path = `${folder === '/' ? '' : folder}/${MARK}${randomToken(6)}`;
  let lock: FileLock | 'held' | 'foreign';
  try {
    lock = locks.take(systemPath(`${path}${LOCK}`));
  } catch (error) {
    if (errnoOf(error) !== 'EROFS') throw error;
    return undefined;
  }
  if (typeof lock === 'string') return undefined;
  return { path, release: () => lock.release('remove') };
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(systemPath(folder), { encoding: 'buffer' }).map((name) => nameOfBytes(name));
  } catch {
    return []; // not there, no folder, or not for this user: then nothing of ours is in it
  }
}

const isOwn = (path: PathLike) => lstatSync(path, { throwIfNoEntry: false })?.uid === process.geteuid?.();

/**
 * Removes from `folder` what restores have left that were killed. Those that are at work, and files of other users, stay.
 * Rejects with the system's error.
 */
export async function clearLeftovers(folder: string, locks: FileLocks): Promise<void> {
  const groups = Map.groupBy(namesIn(folder).filter(isStagingName), (name) => name.replace(/-(?:new|old|lock)$/, ''));
  for (const [group, names] of groups) {
    const path = (name: string) => `${folder === '/' ? '' : folder}/${name}`;
    if (!names.some((name) => isOwn(systemPath(path(name))))) continue;
    const lock = locks.take(systemPath(path(`${group}${LOCK}`)));
    if (typeof lock === 'string') continue;
    try {
      for (const name of names) {
        if (!name.endsWith(LOCK) && isOwn(systemPath(path(name)))) await removeTree(path(name));
      }
    } finally {
      lock.release('remove');
    }
  }
}
