import { lstatSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { AppError } from '../../lib/errors.ts';
import { systemPath } from '../../lib/raw-name.ts';
import type { Environment } from '../../platform/environment.ts';
import { expandText } from '../expansion.ts';
import { findFiles } from '../glob/find-files.ts';
import { matchesPattern } from '../glob/match-path.ts';
import type { ArchivedRoot } from './archive/envelope.ts';
import type { PackRoot } from './archive/pack.ts';

/** A folder (or file) that a cache keeps, as an instruction names it. */
export interface CacheFolder {
  /** As in the configuration. */
  readonly declared: string;
  /** Absolute, variables replaced; a pattern where it has a star. */
  readonly path: string;
  readonly isPattern: boolean;
}

/**
 * The folders of an instruction: variables replaced, absolute. Only a star makes a path a pattern (specification of the
 * agent, 7.6). Throws `AppError` (CONFIG) for an empty path.
 */
export function resolveFolders(
  declared: readonly string[],
  environment: Environment,
  process: Environment,
  workingFolder: string,
): readonly CacheFolder[] {
  return declared.map((text) => {
    const expanded = expandText(text, environment, process).trim();
    if (expanded === '') {
      const hint = 'check the variables in it';
      throw new AppError('CONFIG', `the cache folder ${JSON.stringify(text)} is an empty path`, { hint });
    }
    return { declared: text, path: resolve(workingFolder, expanded), isPattern: expanded.includes('*') };
  });
}

/** Where the fixed part of a pattern ends: the deepest folder that all its matches lie in. */
export function patternBase(pattern: string): string {
  let base = pattern;
  while (/[*?[\]{}\\]/.test(base)) base = dirname(base);
  return base;
}

/** Sorted, without doubles, without what lies within another of them (specification of the agent, 13.5). */
export function withoutNested(paths: readonly string[]): string[] {
  const kept: string[] = [];
  for (const path of [...new Set(paths)].sort()) {
    if (!kept.some((other) => path.startsWith(other === '/' ? '/' : `${other}/`))) kept.push(path);
  }
  return kept;
}

/** A link that stands for the folder itself was made by the user: its target is what is kept. */
function realPath(path: string): string | undefined {
  try {
    return realpathSync(systemPath(path), 'utf8');
  } catch {
    return undefined; // not there, or not to be reached
  }
}

function isEmpty(path: string): boolean {
  const stats = lstatSync(systemPath(path), { throwIfNoEntry: false });
  if (stats === undefined) return true;
  return stats.isDirectory() && readdirSync(systemPath(path)).length === 0;
}

async function pathsOf(folder: CacheFolder, signal: AbortSignal): Promise<readonly string[]> {
  if (!folder.isPattern) return [folder.path];
  return (await findFiles(folder.path, patternBase(folder.path), () => {}, signal)).matches.map(({ path }) => path);
}

/** What there is to be stored, each path once; empty when all folders are missing or empty. Throws `AppError` (CONFIG). */
export async function presentRoots(folders: readonly CacheFolder[], signal: AbortSignal): Promise<readonly PackRoot[]> {
  const owner = new Map<string, CacheFolder>();
  for (const folder of folders) {
    for (const path of await pathsOf(folder, signal)) if (!owner.has(path)) owner.set(path, folder);
  }
  return withoutNested([...owner.keys()]).flatMap((path) => {
    const folder = owner.get(path);
    const real = realPath(path);
    if (folder === undefined || real === undefined || isEmpty(real)) return [];
    const match = folder.isPattern ? path.slice(patternBase(folder.path).length + 1) : '';
    return [{ folder: folder.declared, match, path: real }];
  });
}

/**
 * Where a folder of an archive belongs: to the folder that is declared in the same words, or, since a key may outlive a
 * new wording, to the only one there is. Undefined for one that this instruction does not name.
 */
export function targetOf(
  root: ArchivedRoot,
  roots: readonly ArchivedRoot[],
  folders: readonly CacheFolder[],
): string | undefined {
  const only = folders.length === 1 && new Set(roots.map(({ folder }) => folder)).size === 1 ? folders[0] : undefined;
  const folder = folders.find(({ declared }) => declared === root.folder) ?? only;
  if (folder === undefined || folder.isPattern !== (root.match !== '')) return undefined;
  if (!folder.isPattern) return realPath(folder.path) ?? folder.path;
  const path = resolve(patternBase(folder.path), root.match);
  return !root.match.split('/').includes('..') && matchesPattern(folder.path, path) ? path : undefined;
}

/** The path that entries of an archive of the old kind are relative to (specification of the agent, 7.6). */
export function oldBase(folders: readonly CacheFolder[], workingFolder: string): string {
  const [first, ...others] = folders;
  return first !== undefined && others.length === 0 && !first.isPattern ? first.path : workingFolder;
}

/** The folder of the instruction that a path lies in, or is. */
export function folderAround(path: string, folders: readonly CacheFolder[]): string | undefined {
  for (const folder of folders) {
    for (let at = path; ; at = dirname(at)) {
      if (folder.isPattern ? matchesPattern(folder.path, at) : folder.path === at) return at;
      if (at === dirname(at)) break;
    }
  }
  return undefined;
}
