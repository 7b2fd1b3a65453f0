import { readFileSync } from 'node:fs';
import { lstat, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { askProgram } from '../../platform/ask-program.ts';
import type { Clock } from '../../platform/clock.ts';
import type { User } from '../../platform/users.ts';
import type { DiskImage, MountPoint, WatchedFile } from './facts.ts';
import { parseDarwinMounts, parseDiskImages, parseLinuxMounts } from './mounts.ts';
import { type WatchedPlace, watchedPlaces } from './watched.ts';

const PROGRAM_MS = 5_000;
const MAX_FILES_A_FOLDER = 500;

async function printOf(path: string, { kind, ending, ownOnly }: WatchedPlace, uid: number): Promise<WatchedFile[]> {
  const stats = await lstat(path).catch(() => undefined); // not there, which is the rule
  if (stats === undefined || stats.isDirectory()) return [];
  if (ending !== undefined && !path.endsWith(ending)) return [];
  if (ownOnly && stats.uid !== uid) return [];
  return [{ kind, path, print: `${stats.size} ${stats.ctimeMs}` }];
}

async function filesOf(place: WatchedPlace, uid: number): Promise<WatchedFile[]> {
  const stats = await lstat(place.path).catch(() => undefined);
  if (stats === undefined) return [];
  if (!stats.isDirectory()) return printOf(place.path, place, uid);
  const names = (await readdir(place.path).catch(() => [])).slice(0, MAX_FILES_A_FOLDER);
  return (await Promise.all(names.map((name) => printOf(join(place.path, name), place, uid)))).flat();
}

/** The files that are watched, with a print of each. */
export async function collectWatched(platform: string, user: User): Promise<WatchedFile[]> {
  const found = await Promise.all(watchedPlaces(platform, user).map((place) => filesOf(place, user.uid)));
  return found.flat();
}

async function ask(argv: readonly string[], clock: Clock, signal: AbortSignal): Promise<string> {
  const env = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LANG: 'C' };
  const { stdout } = await askProgram(argv, { env, limitMs: PROGRAM_MS, clock }, signal);
  return stdout;
}

export interface Mounted {
  readonly mounts: readonly MountPoint[];
  readonly images: readonly DiskImage[];
}

/** What the user has mounted. */
export async function collectMounts(platform: string, user: User, clock: Clock, signal: AbortSignal): Promise<Mounted> {
  if (platform !== 'darwin')
    return { mounts: parseLinuxMounts(readFileSync('/proc/self/mounts', 'utf8'), user.uid), images: [] };
  const [mounted, attached] = await Promise.all([
    ask(['/sbin/mount'], clock, signal),
    ask(['/usr/bin/hdiutil', 'info'], clock, signal),
  ]);
  return { mounts: parseDarwinMounts(mounted, user.name), images: parseDiskImages(attached) };
}

/** Bytes that are free where the tasks work; undefined when it cannot be told. */
export async function collectFreeBytes(folder: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    return undefined; // the folder went away
  }
}
