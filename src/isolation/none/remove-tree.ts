import { lstat, realpath, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AppError } from '../../lib/errors.ts';
import { printable } from '../../lib/printable.ts';
import { askProgram } from '../../platform/ask-program.ts';
import type { Clock } from '../../platform/clock.ts';
import { errnoOf } from '../../platform/files.ts';
import { listMountPoints } from '../../platform/mounts.ts';

const ENVIRONMENT = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin:/run/current-system/sw/bin', LANG: 'C' };

/** A tree of very many files may take its time; the worker does not wait for so long. */
const REMOVE_LIMIT_MS = 3_600_000;
const UNMOUNT_LIMIT_MS = 20_000;

const never = new AbortController().signal;

/** Runs a program of the system; gives the first line of its complaint, or null when it succeeded. */
async function run(argv: readonly string[], limitMs: number, clock: Clock): Promise<string | null> {
  try {
    const { code, stderr } = await askProgram(argv, { env: ENVIRONMENT, limitMs, clock }, never);
    return code === 0 ? null : printable(stderr.split('\n')[0] ?? '', 300) || `${argv[0]} failed`;
  } catch (error) {
    if (error instanceof AppError) return error.message;
    throw error;
  }
}

/** Most private folders are empty at the end: that needs no program. */
async function removedEmpty(path: string): Promise<boolean> {
  return rmdir(path).then(
    () => true,
    () => false, // whatever hinders it, the whole way finds out
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Mount points at or below `path`, the last mounted first. Links above the folder itself are followed, as the kernel tells mounts. */
async function mountsBelow(path: string): Promise<string[]> {
  const real = join(await realpath(dirname(path)), basename(path));
  return listMountPoints()
    .filter((point) => point === real || point.startsWith(`${real}/`))
    .reverse();
}

const UNMOUNT: readonly (readonly string[])[] =
  process.platform === 'darwin'
    ? [['umount', '-f']]
    : [
        ['umount', '--lazy', '--no-canonicalize'],
        ['fusermount3', '-u', '-z'],
        ['fusermount', '-u', '-z'],
      ];

/**
 * Takes away what keeps things from being removed: immutable flags, which installers and tests set, and folders that are
 * not writable. Modes of files do not matter, and are left alone: a file may have a second name outside.
 */
function loosening(path: string): readonly (readonly string[])[] {
  const flags =
    process.platform === 'darwin'
      ? ['chflags', '-R', '-P', 'nouchg,nouappnd', path]
      : ['chattr', '-R', '-f', '-i', '-a', path];
  return [flags, ['find', path, '-type', 'd', '!', '-perm', '-700', '-exec', 'chmod', 'u+rwx', '{}', ';']];
}

/** What a task has mounted below its folder would be emptied with it: it is unmounted, or the folder stays. */
async function unmountAll(path: string, clock: Clock): Promise<void> {
  for (const point of await mountsBelow(path)) {
    for (const argv of UNMOUNT) {
      if ((await run([...argv, point], UNMOUNT_LIMIT_MS, clock)) === null) break;
    }
  }
  const [left] = await mountsBelow(path);
  if (left === undefined) return;
  throw new AppError('TEMPORARY', `folder ${path} stays: ${left} is mounted in it and cannot be unmounted`, {
    hint: 'unmount it as root',
  });
}

/**
 * Removes a folder (or file, or link) with all that is in it: read-only trees and mounts too, links never followed, and
 * nothing of what is mounted. Rejects with an `AppError` (TEMPORARY) that says what stays and why.
 */
export async function removeTree(path: string, clock: Clock): Promise<void> {
  if ((await removedEmpty(path)) || !(await exists(path))) return;
  await unmountAll(path, clock);
  const remove = () => run(['rm', '-rf', '--', path], REMOVE_LIMIT_MS, clock);
  await remove();
  if (!(await exists(path))) return;
  for (const argv of loosening(path)) await run(argv, REMOVE_LIMIT_MS, clock); // fails where there is nothing to loosen
  const problem = await remove();
  if (await exists(path)) throw new AppError('TEMPORARY', `folder ${path} could not be removed: ${problem}`);
}
