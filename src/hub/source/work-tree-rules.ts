import { AppError } from '../../lib/errors.ts';
import type { TarHeader } from '../../lib/tar-format.ts';

/** Keeps a hub's memory bounded: each path of a tree is remembered while the tree is checked. */
const MAX_ENTRIES = 1_000_000;
const MAX_PATH_BYTES = 4_096;

function refused(path: string, why: string): AppError {
  const shown = path.length > 200 ? `${path.slice(0, 200)}…` : path;
  return new AppError('CONFIG', `the work tree cannot be stored: ${JSON.stringify(shown)} ${why}`, {
    hint: 'leave that file out',
  });
}

/** Why a path could write outside the folder it is unpacked into, or into git's own data; undefined when it cannot. */
function pathProblem(path: string): string | undefined {
  if (path === '') return 'is an empty path';
  if (path.startsWith('/') || /^[a-z]:/i.test(path)) return 'is an absolute path';
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return 'is too long';
  const parts = path.split('/');
  if (parts.includes('..') || parts.includes('.') || parts.includes('')) return 'is not a plain relative path';
  if (parts.some((part) => part.toLowerCase() === '.git')) return "belongs to git's own data";
  return undefined;
}

/**
 * Checks the entries of one tree, in order: plain relative paths, each once, none below a symbolic link (it could
 * lead out of the tree) or below a file. Throws `AppError` (CONFIG) at the first that breaks the rules.
 */
export function createTreeChecker(): (entry: TarHeader) => void {
  const leaves = new Set<string>();
  const folders = new Set<string>();
  return (entry) => {
    const { path, type } = entry;
    if (path === '.' && type === 'folder') return;
    const problem = pathProblem(path);
    if (problem !== undefined) throw refused(path, problem);
    if (leaves.size + folders.size > MAX_ENTRIES) throw refused(path, `is beyond the limit of ${MAX_ENTRIES} files`);
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
      const parent = path.slice(0, at);
      if (leaves.has(parent)) throw refused(path, `lies below ${JSON.stringify(parent)}, which is not a folder`);
      folders.add(parent);
    }
    if (leaves.has(path)) throw refused(path, 'comes twice');
    if (type === 'folder') folders.add(path);
    else if (folders.has(path)) throw refused(path, 'is both a folder and a file');
    else leaves.add(path);
  };
}

/** Whether git takes this as a branch's name (the rules of `git check-ref-format --branch`). */
export function isBranchName(name: string): boolean {
  if (name === '' || name === '@' || name === 'HEAD' || name.startsWith('-') || name.length > 200) return false;
  if (/[\s~^:?*[\\\x7f]|\.\.|@\{|\/\/|\.$|^\/|\/$/.test(name)) return false;
  if ([...name].some((character) => character < ' ')) return false;
  return name.split('/').every((part) => !part.startsWith('.') && !part.endsWith('.lock'));
}
