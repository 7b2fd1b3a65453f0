import { type Dirent, lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { nameOfBytes, systemPath } from '../../../lib/raw-name.ts';
import { errnoOf } from '../../../platform/files.ts';
import type { Left } from './left.ts';

export interface WalkRoot {
  /** What stands for the folder in names of entries. */
  readonly name: string;
  /** Absolute path of a folder or a file. */
  readonly path: string;
}

export interface Found {
  /** Path in the archive. */
  readonly name: string;
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'symlink';
  readonly stats: Stats;
  /** Where a symbolic link points to. */
  readonly linkTarget: string;
}

/** The character that stands for bytes that are not UTF-8: a name with it is read again as bytes. */
const REPLACEMENT = '\ufffd';

/** Names in a folder, in order. The runtime gives names as bytes without telling what they are: that is asked later. */
function childrenOf(path: string): [name: string, entry: Dirent | undefined][] {
  const place = systemPath(path);
  const entries = readdirSync(place, { withFileTypes: true });
  const children = entries.every(({ name }) => !name.includes(REPLACEMENT))
    ? entries.map((entry): [string, Dirent] => [entry.name, entry])
    : readdirSync(place, { encoding: 'buffer' }).map((name): [string, undefined] => [nameOfBytes(name), undefined]);
  return children.sort(([a], [b]) => (a < b ? -1 : 1));
}

function kindOf(entry: Dirent | Stats): Found['kind'] | 'special' {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'folder';
  return entry.isSymbolicLink() ? 'symlink' : 'special';
}

function linkTargetOf(path: string): string {
  return nameOfBytes(readlinkSync(systemPath(path), { encoding: 'buffer' }));
}

/**
 * All that lies below the roots, roots first, in the order of names, without following links. What vanishes meanwhile
 * and what is neither file, folder nor link is noted in `left`; other errors of the system are thrown.
 */
export function* walk(roots: readonly WalkRoot[], left: Left): Generator<Found> {
  const stack: { name: string; path: string; entry: Dirent | undefined; isRoot: boolean }[] = [];
  for (const { name, path } of [...roots].reverse()) stack.push({ name, path, entry: undefined, isRoot: true });
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { name, path, entry, isRoot } = next;
    if (entry !== undefined && kindOf(entry) === 'special') {
      left.note('special', path);
      continue;
    }
    try {
      const stats = lstatSync(systemPath(path));
      const kind = kindOf(stats);
      if (kind === 'special') {
        left.note('special', path);
        continue;
      }
      const linkTarget = kind === 'symlink' ? linkTargetOf(path) : '';
      yield { name, path, kind, stats, linkTarget };
      if (kind !== 'folder') continue;
      for (const [child, childEntry] of childrenOf(path).reverse()) {
        stack.push({ name: `${name}/${child}`, path: `${path}/${child}`, entry: childEntry, isRoot: false });
      }
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || isRoot) throw error;
      left.note('vanished', path);
    }
  }
}
