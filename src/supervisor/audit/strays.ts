import type { Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Clock } from '../../platform/clock.ts';
import type { Strays } from './judge.ts';
import { isCache } from './watched.ts';

/** A look may not take longer, however many files a task has strewn about. */
const MAX_ENTRIES = 20_000;
const MAX_MS = 5_000;
const MAX_FOUND = 200;

export interface StrayQuery {
  readonly uid: number;
  readonly home: string;
  readonly shared: readonly string[];
  /** Wall times; what changed between them counts. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Folders of the worker itself. */
  readonly except: readonly string[];
}

interface Walk {
  readonly query: StrayQuery;
  readonly isOver: () => boolean;
  readonly found: string[];
}

async function look(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(() => undefined); // gone meanwhile, or closed to us
}

/** By the change of the inode, which nobody can set back. */
function isNew({ ctimeMs }: Stats, { sinceMs, untilMs }: StrayQuery): boolean {
  return ctimeMs > sinceMs && ctimeMs <= untilMs;
}

/** Links are never followed, and other file systems not entered. */
async function walk(
  folder: string,
  device: number,
  into: (path: string, stats: Stats) => boolean,
  over: () => boolean,
) {
  const queue = [folder];
  for (let next = queue.shift(); next !== undefined && !over(); next = queue.shift()) {
    const names = await readdir(next).catch(() => []);
    for (const name of names) {
      if (over()) return;
      const path = join(next, name);
      const stats = await look(path);
      if (stats === undefined || stats.dev !== device) continue;
      if (into(path, stats) && stats.isDirectory()) queue.push(path);
    }
  }
}

async function inShared(folder: string, { query, isOver, found }: Walk): Promise<void> {
  const root = await look(folder);
  if (root === undefined) return;
  await walk(
    folder,
    root.dev,
    (path, stats) => {
      const isStray = stats.uid === query.uid && isNew(stats, query) && !query.except.includes(path);
      if (isStray) found.push(path);
      return false; // a folder of the user goes as a whole, those of others are not ours to look into
    },
    isOver,
  );
}

async function inHome({ query, isOver, found }: Walk): Promise<void> {
  const root = await look(query.home);
  if (root === undefined || root.uid !== query.uid) return;
  await walk(
    query.home,
    root.dev,
    (path, stats) => {
      if (isCache(relative(query.home, path)) || query.except.includes(path)) return false;
      if (!stats.isDirectory() && isNew(stats, query)) found.push(path);
      return true;
    },
    isOver,
  );
}

/** Files that the user made or changed since, in shared folders and in its home; bounded in number and time. */
export async function findStrays(query: StrayQuery, clock: Clock): Promise<Strays> {
  const startedMs = clock.monoMs();
  let entries = 0;
  const walkInto = (found: string[]): Walk => ({
    query,
    found,
    isOver: () => {
      entries += 1;
      return entries > MAX_ENTRIES || found.length >= MAX_FOUND || clock.monoMs() - startedMs > MAX_MS;
    },
  });
  const [shared, home]: [string[], string[]] = [[], []];
  for (const folder of query.shared) await inShared(folder, walkInto(shared));
  await inHome(walkInto(home));
  return { shared, home };
}
