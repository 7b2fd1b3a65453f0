import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../lib/errors.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Environment } from '../../platform/environment.ts';
import { ensureWritableFolder } from '../../platform/files.ts';
import { createGit, type Git } from './git.ts';
import { remoteEnvironment } from './remote-environment.ts';
import { allowedRepository } from './repository-policy.ts';
import { createSlots } from './slots.ts';
import { chooseRevision, type Remote, type WantedRevision } from './wanted-revision.ts';

/** What a build needs to know of a revision before its tasks clone it. */
export interface FetchedRevision {
  readonly url: string;
  readonly revision: string;
  /** The branch that it is on; the tag's name for a tag. */
  readonly branch: string;
  readonly tag: string | undefined;
  readonly defaultBranch: string | undefined;
  readonly message: string;
  readonly timestampS: number;
  readonly config: { readonly path: string; readonly text: string };
  /** Paths that the revision changed against its first parent. */
  readonly affectedFiles: readonly string[];
}

export interface RemoteRepositories {
  /** Throws `AppError`: CONFIG for what is not allowed or not there, UNAVAILABLE when git cannot reach it. */
  fetch(wanted: WantedRevision, token: string | undefined, signal: AbortSignal): Promise<FetchedRevision>;
}

export interface RemoteOptions {
  /** Scratch space; made when missing. */
  readonly folder: string;
  readonly allowed: readonly string[];
  readonly clock: Pick<Clock, 'after'>;
  readonly env: Environment;
}

const FETCH_LIMIT_MS = 120_000;
const MAX_AT_ONCE = 4;
const MAX_WAITING = 64;
const MAX_CONFIG_BYTES = 1024 * 1024;
const MAX_PATHS_BYTES = 4 * 1024 * 1024;
const CONFIG_NAMES = ['.cirrus.yml', '.cirrus.yaml'];

type Ask = (args: readonly string[], signal: AbortSignal, maxOutputBytes?: number) => Promise<string>;

/** The commit and its parent without large files; hosts that give no single commit are asked for the branch. */
async function fetchCommit(ask: Ask, remote: Remote, signal: AbortSignal): Promise<void> {
  const args = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--filter=blob:limit=1m'];
  try {
    await ask([...args, '--depth=2', 'origin', remote.revision], signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof AppError) || remote.tag !== undefined) throw error;
    await ask([...args, 'origin', `refs/heads/${remote.branch}`], signal);
  }
}

async function readConfig(ask: Ask, revision: string, path: string | undefined, signal: AbortSignal) {
  for (const name of path === undefined ? CONFIG_NAMES : [path]) {
    const listed = await ask(['ls-tree', '--format=%(objecttype)', revision, '--', name], signal);
    if (listed !== 'blob') continue;
    const bytes = Number(await ask(['cat-file', '-s', `${revision}:${name}`], signal));
    if (bytes > MAX_CONFIG_BYTES) throw new AppError('CONFIG', `${name} is larger than 1 MiB`, {});
    const text = await ask(['cat-file', 'blob', `${revision}:${name}`], signal, MAX_CONFIG_BYTES);
    return { path: name, text: `${text}\n` }; // the end of the last line was cut off with the output's
  }
  const what = path ?? CONFIG_NAMES[0];
  throw new AppError('CONFIG', `${what} is not in revision ${revision.slice(0, 12)}`, {
    hint: 'name the configuration with -f, relative to the repository',
  });
}

async function changedPaths(ask: Ask, revision: string, signal: AbortSignal): Promise<string[]> {
  const args = ['diff-tree', '-r', '-z', '--name-only', '--no-commit-id', '--root', '--first-parent', '-m', revision];
  return (await ask(args, signal, MAX_PATHS_BYTES)).split('\0').filter((path) => path !== '');
}

async function read(git: Git, url: string, wanted: WantedRevision, env: Environment, signal: AbortSignal) {
  const ask: Ask = (args, stop, maxOutputBytes) =>
    git.run(args, { env, ...(maxOutputBytes === undefined ? {} : { maxOutputBytes }) }, stop);
  await ask(['init', '--quiet', '--bare', '--template='], signal);
  await ask(['config', 'remote.origin.url', url], signal);
  const remote = await chooseRevision(
    (patterns) => ask(['ls-remote', '--symref', 'origin', ...patterns], signal),
    wanted,
  );
  await fetchCommit(ask, remote, signal);
  const { revision, branch, tag, defaultBranch } = remote;
  const config = await readConfig(ask, revision, wanted.configPath, signal);
  const [seconds = '', ...lines] = (await ask(['log', '-1', '--format=%ct%n%B', revision], signal)).split('\n');
  const affectedFiles = await changedPaths(ask, revision, signal);
  const message = lines.join('\n').trim();
  return { url, revision, branch, tag, defaultBranch, config, message, timestampS: Number(seconds), affectedFiles };
}

/** Fetches with git, a few at a time, each into a folder of its own that is gone afterwards. */
export function createRemoteRepositories({ folder, allowed, clock, env }: RemoteOptions): RemoteRepositories {
  const slots = createSlots(MAX_AT_ONCE, MAX_WAITING);
  return {
    async fetch(wanted, token, signal) {
      const url = allowedRepository(wanted.url, allowed);
      const giveBack = await slots.take(signal);
      const late = new AbortController();
      const cancel = clock.after(FETCH_LIMIT_MS, () => late.abort());
      await ensureWritableFolder(folder);
      const scratch = await mkdtemp(join(folder, 'fetch-'));
      try {
        const git = createGit(env.PATH ?? '', scratch, join(scratch, 'repo.git'));
        const bound = AbortSignal.any([signal, late.signal]);
        return await read(git, url, wanted, remoteEnvironment(url, token, env), bound);
      } catch (error) {
        if (!late.signal.aborted || signal.aborted) throw error;
        throw new AppError('UNAVAILABLE', `${url} was not fetched within two minutes`, { cause: error });
      } finally {
        cancel();
        await rm(scratch, { recursive: true, force: true });
        giveBack();
      }
    },
  };
}
