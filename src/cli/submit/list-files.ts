import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ignore, { type Ignore } from 'ignore';
import { AppError } from '../../lib/errors.ts';
import type { Environment } from '../../platform/environment.ts';
import { errnoOf } from '../../platform/files.ts';
import { askGit } from './user-git.ts';

/** Rules of one `.gitignore`, which count from its own folder down. */
interface Rules {
  readonly base: string;
  readonly matcher: Ignore;
}

async function rulesOf(root: string, base: string): Promise<Rules[]> {
  try {
    return [{ base, matcher: ignore().add(await readFile(join(root, base, '.gitignore'), 'utf8')) }];
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'EISDIR') return [];
    throw error;
  }
}

/** The deepest file that says anything about the path decides, as in git. */
function isIgnored(path: string, rules: readonly Rules[]): boolean {
  for (const { base, matcher } of rules.toReversed()) {
    const verdict = matcher.test(path.slice(base.length));
    if (verdict.ignored || verdict.unignored) return verdict.ignored;
  }
  return false;
}

async function walk(root: string, base: string, outer: readonly Rules[], signal: AbortSignal): Promise<string[]> {
  signal.throwIfAborted();
  const rules = [...outer, ...(await rulesOf(root, base))];
  const found: string[] = [];
  for (const entry of await readdir(join(root, base), { withFileTypes: true })) {
    const path = `${base}${entry.name}`;
    if (entry.name === '.git' || isIgnored(entry.isDirectory() ? `${path}/` : path, rules)) continue;
    if (entry.isDirectory()) found.push(...(await walk(root, `${path}/`, rules, signal)));
    else found.push(path);
  }
  return found;
}

/**
 * The files of a work tree that belong to a build, relative to it, sorted: what git knows and what it does not
 * ignore; without git, everything that no `.gitignore` names. Throws `AppError` (CONFIG) for a folder that is none.
 */
export async function listFiles(folder: string, env: Environment, signal: AbortSignal): Promise<string[]> {
  const listed = await askGit(folder, ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], env, signal);
  const known = [...new Set((listed ?? '').split('\0'))].filter((path) => path !== '');
  if (known.length > 0) return known.sort();
  try {
    return (await walk(folder, '', [], signal)).sort(); // no repository, or a folder that its repository ignores
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    const reason = errno === 'ENOENT' ? 'does not exist' : errno === 'ENOTDIR' ? 'is not a folder' : `(${errno})`;
    throw new AppError('CONFIG', `work tree ${folder} ${reason}`, { hint: 'correct --dir', cause: error });
  }
}

/** What the build is called: branch and message of the last commit, or plain words where git knows none. */
export async function describeTree(
  folder: string,
  env: Environment,
  signal: AbortSignal,
): Promise<{ readonly branch: string; readonly message: string }> {
  const [branch, message] = await Promise.all([
    askGit(folder, ['symbolic-ref', '--quiet', '--short', 'HEAD'], env, signal),
    askGit(folder, ['log', '-1', '--format=%B'], env, signal),
  ]);
  const named = branch?.trim() ?? '';
  const told = message?.trim() ?? '';
  return { branch: named === '' ? 'worktree' : named, message: told === '' ? 'worktree' : told };
}
