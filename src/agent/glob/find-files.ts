import type { Stats } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { AppError } from '../../lib/errors.ts';
import { nameOfBytes, systemPath } from '../../lib/raw-name.ts';
import { errnoOf } from '../../platform/files.ts';
import { matchesTokens } from './component.ts';
import { type Component, parsePattern } from './pattern.ts';

/** Something that a pattern matched. Symbolic links are followed. */
export interface Match {
  /** Absolute, without `.` and `..`. */
  readonly path: string;
  readonly stats: Stats;
}

export interface Findings {
  readonly matches: readonly Match[];
  /** Folders that this user may not look into. */
  readonly closed: readonly string[];
}

/** More matches than this are a mistake in the pattern. */
const MAX_MATCHES = 200_000;

/** More folders to look into are one too, or links that lead to each other: each way through them is a path of its own. */
const MAX_FOLDERS = 500_000;

interface Entry {
  readonly name: string;
  readonly isLink: boolean;
  readonly isFolder: boolean;
}

/** Stands in a name that the runtime has decoded for bytes that are not UTF-8. */
const REPLACEMENT = '\ufffd';

/** Names whose bytes the runtime would lose. */
async function rawEntries(folder: string): Promise<Entry[]> {
  const names = (await readdir(systemPath(folder), { encoding: 'buffer' })).map((bytes) => nameOfBytes(bytes));
  const entries: Entry[] = [];
  for (const name of names.filter((name) => !name.isWellFormed() || name.includes(REPLACEMENT))) {
    const stats = await lstat(systemPath(inside(folder, name))).catch(() => undefined);
    if (stats !== undefined) entries.push({ name, isLink: stats.isSymbolicLink(), isFolder: stats.isDirectory() });
  }
  return entries;
}

/** Entries of a folder in lexical order. Rejects with the system's error. */
async function entriesOf(folder: string): Promise<Entry[]> {
  const listed = await readdir(systemPath(folder), { withFileTypes: true, encoding: 'utf8' });
  const plain = listed.filter(({ name }) => !name.includes(REPLACEMENT));
  const entries = plain.map((entry) => ({
    name: entry.name,
    isLink: entry.isSymbolicLink(),
    isFolder: entry.isDirectory(),
  }));
  if (plain.length < listed.length) entries.push(...(await rawEntries(folder)));
  return entries.sort((left, right) => (left.name < right.name ? -1 : 1));
}

async function leadsToFolder(folder: string, entry: Entry): Promise<boolean> {
  if (!entry.isLink) return entry.isFolder;
  return stat(systemPath(inside(folder, entry.name))).then(
    (target) => target.isDirectory(),
    () => false, // the link leads nowhere
  );
}

/** As `join`, which would lose the bytes of names that are not UTF-8. */
const inside = (folder: string, name: string) => `${folder === '/' ? '' : folder}/${name}`;

const above = (path: string) => path.slice(0, path.lastIndexOf('/')) || '/';

const step = (folder: string, name: string) => (name === '..' ? above(folder) : inside(folder, name));

const isForbidden = (error: unknown) => ['EACCES', 'EPERM'].includes(errnoOf(error) ?? '');

/** One search; what it found is kept in the order in which it was found, each path once. */
class Search {
  readonly found = new Map<string, Stats>();
  readonly closed = new Set<string>();
  #visited = new Set<string>();
  #folders = 0;

  constructor(
    private readonly pattern: string,
    private readonly check: (path: string) => void,
    private readonly signal: AbortSignal,
  ) {}

  async alternative(folder: string, components: readonly Component[]): Promise<void> {
    this.#visited = new Set();
    await this.#walk(folder, components, []);
  }

  async #walk(folder: string, components: readonly Component[], above: readonly string[]): Promise<void> {
    this.signal.throwIfAborted();
    const [component, ...rest] = components;
    if (component === undefined) return this.#add(folder);
    if (component.tag === 'name') return this.#walk(step(folder, component.name), rest, []);
    if (component.tag === 'any-depth') return this.#anyDepth(folder, rest, above);
    for (const entry of await this.#list(folder)) {
      if (!matchesTokens(component.tokens, entry.name)) continue;
      if (rest.length > 0 && !(await leadsToFolder(folder, entry))) continue;
      await this.#walk(inside(folder, entry.name), rest, []);
    }
  }

  /** `above` are the folders that led here: a link back to one of them is not followed again. */
  async #anyDepth(folder: string, rest: readonly Component[], above: readonly string[]): Promise<void> {
    const place = `${rest.length} ${folder}`;
    if (this.#visited.has(place)) return;
    this.#visited.add(place);
    const stats = await stat(systemPath(folder)).catch(() => undefined);
    const identity = `${stats?.dev} ${stats?.ino}`;
    if (stats === undefined || above.includes(identity)) return;
    await this.#walk(folder, rest, []);
    const here: readonly Component[] = [{ tag: 'any-depth' }, ...rest];
    for (const entry of stats.isDirectory() ? await this.#list(folder) : []) {
      if (await leadsToFolder(folder, entry)) await this.#walk(inside(folder, entry.name), here, [...above, identity]);
      else if (rest.length === 0) await this.#add(inside(folder, entry.name));
    }
  }

  /** None where the folder is not there or is none; one that is closed to this user is noted. */
  async #list(folder: string): Promise<Entry[]> {
    this.#folders += 1;
    if (this.#folders > MAX_FOLDERS) throw this.#tooMuch(`has over ${MAX_FOLDERS} folders to look into`);
    try {
      return await entriesOf(folder);
    } catch (error) {
      if (isForbidden(error)) this.closed.add(folder);
      return [];
    }
  }

  async #add(path: string): Promise<void> {
    if (this.found.has(path)) return;
    const stats = await stat(systemPath(path)).catch((error: unknown) => {
      if (isForbidden(error)) this.closed.add(above(path));
    });
    if (stats === undefined) return;
    if (this.found.size >= MAX_MATCHES) throw this.#tooMuch(`matches over ${MAX_MATCHES} files and folders`);
    this.check(path);
    this.found.set(path, stats);
  }

  #tooMuch(what: string): AppError {
    const hint = 'narrow the pattern, or pack the files into an archive first';
    return new AppError('CONFIG', `pattern ${JSON.stringify(this.pattern)} ${what}`, { hint });
  }
}

/**
 * Everything that `pattern` matches, relative to `base` unless it is absolute, in lexical order of each folder; files
 * and folders alike, names as in `lib/raw-name`. Folders that cannot be read are passed over and named in `closed`.
 * `check` is called for each match and may end the search by throwing. Throws `AppError` (CONFIG) for a pattern that
 * means nothing or matches too much; rejects on abort.
 */
export async function findFiles(
  pattern: string,
  base: string,
  check: (path: string) => void,
  signal: AbortSignal,
): Promise<Findings> {
  // the base may have characters in its name that a pattern would take for more than they are
  const isInside = pattern === base || pattern.startsWith(`${base}/`);
  const relative = isInside ? pattern.slice(base.length + 1) : pattern;
  const search = new Search(pattern, check, signal);
  for (const components of parsePattern(relative)) {
    await search.alternative(!isInside && isAbsolute(pattern) ? '/' : base, components);
  }
  return { matches: [...search.found].map(([path, stats]) => ({ path, stats })), closed: [...search.closed] };
}
