import type { Dirent, Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { AppError } from '../../lib/errors.ts';
import { type Component, parsePattern } from './pattern.ts';

/** Something that a pattern matched. Symbolic links are followed. */
export interface Match {
  /** Absolute, without `.` and `..`. */
  readonly path: string;
  readonly stats: Stats;
}

/** More matches than this are a mistake in the pattern. */
const MAX_MATCHES = 100_000;

const byName = (left: Dirent, right: Dirent) => (left.name < right.name ? -1 : 1);

/** Entries of a folder in lexical order; none where it cannot be read or is no folder. */
async function entriesOf(folder: string): Promise<Dirent[]> {
  return (await readdir(folder, { withFileTypes: true }).catch(() => [])).sort(byName);
}

async function isFolder(folder: string, entry: Dirent): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return stat(join(folder, entry.name)).then(
    (target) => target.isDirectory(),
    () => false, // the link leads nowhere
  );
}

/** One search; what it found is kept in the order in which it was found, each path once. */
class Search {
  readonly found = new Map<string, Stats>();

  constructor(
    private readonly pattern: string,
    private readonly signal: AbortSignal,
  ) {}

  async walk(folder: string, components: readonly Component[], above: readonly string[]): Promise<void> {
    this.signal.throwIfAborted();
    const [component, ...rest] = components;
    if (component === undefined) return this.#add(folder);
    if (component.tag === 'name') return this.walk(join(folder, component.name), rest, []);
    if (component.tag === 'any-depth') return this.#anyDepth(folder, rest, above);
    for (const entry of await entriesOf(folder)) {
      if (!component.expression.test(entry.name)) continue;
      if (rest.length > 0 && !(await isFolder(folder, entry))) continue;
      await this.walk(join(folder, entry.name), rest, []);
    }
  }

  /** `above` are the real paths of the folders that led here: a link back to one of them is not followed again. */
  async #anyDepth(folder: string, rest: readonly Component[], above: readonly string[]): Promise<void> {
    const real = await realpath(folder).catch(() => undefined);
    if (real === undefined || above.includes(real)) return;
    await this.walk(folder, rest, []);
    const here: readonly Component[] = [{ tag: 'any-depth' }, ...rest];
    for (const entry of await entriesOf(folder)) {
      if (await isFolder(folder, entry)) await this.walk(join(folder, entry.name), here, [...above, real]);
      else if (rest.length === 0) await this.#add(join(folder, entry.name));
    }
  }

  async #add(path: string): Promise<void> {
    if (this.found.has(path)) return;
    const stats = await stat(path).catch(() => undefined);
    if (stats === undefined) return;
    if (this.found.size >= MAX_MATCHES) {
      const hint = 'narrow the pattern, or pack the files into an archive first';
      throw new AppError('CONFIG', `pattern ${JSON.stringify(this.pattern)} matches over ${MAX_MATCHES} files`, {
        hint,
      });
    }
    this.found.set(path, stats);
  }
}

/**
 * Everything that `pattern` matches, relative to `base` unless it is absolute, in lexical order of each folder; files
 * and folders alike. What cannot be read is skipped. Throws `AppError` (CONFIG) for a pattern that means nothing or
 * matches too much; rejects on abort.
 */
export async function findMatches(pattern: string, base: string, signal: AbortSignal): Promise<readonly Match[]> {
  // the base may have characters in its name that a pattern would take for more than they are
  const inside = pattern === base || pattern.startsWith(`${base}/`);
  const relative = inside ? pattern.slice(base.length + 1) : pattern;
  const search = new Search(pattern, signal);
  for (const components of parsePattern(relative)) {
    await search.walk(!inside && isAbsolute(pattern) ? '/' : base, components, []);
  }
  return [...search.found].map(([path, stats]) => ({ path, stats }));
}
