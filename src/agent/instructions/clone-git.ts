import { existsSync } from 'node:fs';
import { appendFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { backoffMs } from '../../lib/backoff.ts';
import { AppError } from '../../lib/errors.ts';
import { type CloneAddress, redactAddress } from './clone-address.ts';
import { fetchLargeFiles } from './clone-lfs.ts';
import { type ClonePlan, planClone } from './clone-plan.ts';
import { type Git, openGit, quoted } from './git.ts';
import { judgeFetch, reasonOf, tellsMissing } from './git-verdict.ts';
import type { StepContext } from './instruction.ts';

/** A server that restarts is waited for: about a minute in all. */
const FETCH_ATTEMPTS = 7;
const FETCH_BACKOFF = { firstMs: 1_000, maxMs: 20_000 };

/** For each submodule: git notes the real address of what it fetches in this file. */
const FORGET_ADDRESS = 'rm -f "$(git rev-parse --git-dir)/FETCH_HEAD"';

/** One clone under way. */
interface Clone {
  readonly git: Git;
  readonly plan: ClonePlan;
  readonly address: CloneAddress;
  readonly context: StepContext;
}

/** Runs a git command that has no reason to fail. */
async function must({ git, address }: Clone, args: readonly string[], signal: AbortSignal): Promise<string> {
  const { end, text } = await git.run(args, signal);
  if (end.tag === 'exited' && end.code === 0) return text.trim();
  signal.throwIfAborted();
  const hint = 'look at the folder that the task works in and at the version of git on this machine';
  throw new AppError('CONFIG', `git ${args[0]} failed for ${address.shown}: ${reasonOf(text)}`, { hint });
}

function refused({ address }: Clone, text: string): AppError {
  const hint = /certificate/i.test(text)
    ? 'set SSL_CERT_FILE for the worker to a file with the issuer of the certificate'
    : 'check that the repository exists and that its address has not expired; a new build gets a new one';
  return new AppError('CONFIG', `${address.shown} refused to be cloned: ${reasonOf(text)}`, { hint });
}

/** Fetches one reference or commit. Undefined on success, else what git printed when another way may help. */
async function fetchOnce(clone: Clone, { refspec, history }: Way, signal: AbortSignal): Promise<string | undefined> {
  const { git, plan, address, context } = clone;
  const args = ['fetch', '--force', '--no-recurse-submodules', plan.tags ? '--tags' : '--no-tags'];
  for (let attempt = 0; ; attempt += 1) {
    const { end, text } = await git.run([...args, ...history, 'origin', refspec], signal);
    if (end.tag === 'exited' && end.code === 0) return undefined;
    signal.throwIfAborted();
    const verdict = judgeFetch(text);
    if (verdict === 'refused') throw refused(clone, text);
    if (verdict === 'another way') return text;
    if (attempt + 1 >= FETCH_ATTEMPTS) {
      const hint = 'check the network between this worker and the server, then run the task again';
      throw new AppError('UNAVAILABLE', `${address.shown} cannot be reached: ${reasonOf(text)}`, { hint });
    }
    await context.output.print(`git fetch: ${reasonOf(text)}; trying again`);
    await context.clock.sleep(backoffMs(attempt, FETCH_BACKOFF, context.random), signal);
  }
}

interface Way {
  readonly refspec: string;
  /** Options that say how much of the history is wanted. */
  readonly history: readonly string[];
}

/** Ways to get at the revision, best first: it alone, its reference, and the reference with its whole history. */
async function* waysToFetch(clone: Clone, signal: AbortSignal): AsyncGenerator<Way> {
  const { revision, remoteRef, localRef, depth } = clone.plan;
  const history = depth > 0 ? [`--depth=${depth}`] : [];
  if (revision !== undefined) yield { refspec: `+${revision}:${localRef}`, history };
  const refspec = `+${remoteRef}:${localRef}`;
  yield { refspec, history };
  if (depth === 0) return;
  const isShallow = (await must(clone, ['rev-parse', '--is-shallow-repository'], signal)) === 'true';
  yield { refspec, history: isShallow ? ['--unshallow'] : [] };
}

/** Whether a name can mean one commit alone, so that git need not be asked which it is. */
const isFullRevision = (name: string) => /^[0-9a-f]{40}$/.test(name);

async function hasCommit(clone: Clone, name: string, signal: AbortSignal): Promise<boolean> {
  const { end } = await clone.git.run(['cat-file', '-e', `${name}^{commit}`], signal);
  signal.throwIfAborted();
  return end.tag === 'exited' && end.code === 0;
}

/** Fetches until the wanted commit is there. Gives the name under which it can be checked out. */
async function fetchRevision(clone: Clone, signal: AbortSignal): Promise<string> {
  const { plan, address } = clone;
  const target = plan.revision ?? plan.localRef;
  let trouble = '';
  for await (const way of waysToFetch(clone, signal)) {
    const failure = await fetchOnce(clone, way, signal);
    const sure = failure === undefined && isFullRevision(target) && way.refspec.startsWith(`+${target}:`);
    if (sure || (await hasCommit(clone, target, signal))) return target;
    trouble = failure ?? trouble;
  }
  if (!tellsMissing(trouble)) {
    const hint = 'look at the server, and at the version of git on this machine';
    throw new AppError('UNAVAILABLE', `${address.shown} cannot be fetched: ${reasonOf(trouble)}`, { hint });
  }
  const wanted = plan.revision === undefined ? plan.what : `revision ${plan.revision} (${plan.what})`;
  throw new AppError('CONFIG', `${wanted} is not in ${address.shown}`, {
    hint: 'it was deleted, overwritten by a forced push, or never pushed: push it, or build a commit that is there',
    cause: trouble,
  });
}

/** What a git that was killed leaves in a clone that is used again: nobody else works in this folder before the task does. */
async function removeStaleLocks({ context }: Clone): Promise<void> {
  for (const name of ['index.lock', 'HEAD.lock', 'config.lock', 'shallow.lock', 'packed-refs.lock']) {
    const path = join(context.workingFolder, '.git', name);
    if (!existsSync(path)) continue;
    await rm(path, { force: true });
    await context.output.print(`Removed .git/${name}, which an earlier git had left behind.`);
  }
}

interface Setting {
  readonly section: readonly [kind: string, name: string];
  readonly key: string;
  readonly value: string;
}

function remoteSettings(url: string): Setting[] {
  const section = ['remote', 'origin'] as const;
  const fetch = '+refs/heads/*:refs/remotes/origin/*';
  return [
    { section, key: 'url', value: url },
    { section, key: 'fetch', value: fetch },
  ];
}

function branchSettings(branch: string): Setting[] {
  const section = ['branch', branch] as const;
  return [
    { section, key: 'remote', value: 'origin' },
    { section, key: 'merge', value: `refs/heads/${branch}` },
  ];
}

function formatSetting({ section: [kind, name], key, value }: Setting): string {
  return `[${kind} ${quoted(name)}]\n\t${key} = ${quoted(value)}\n`;
}

/** Whether git reads the lines as they were meant; it knows better than we what to do about a name with control characters. */
const isPlain = (lines: string) => /^\[[^\p{Cc}]*\n\t[^\p{Cc}]*\n$/u.test(lines);

async function prepare(clone: Clone, signal: AbortSignal): Promise<void> {
  await removeStaleLocks(clone);
  const folder = join(clone.context.workingFolder, '.git');
  const isNew = !existsSync(folder);
  await must(clone, ['init', '--quiet', '--template='], signal);
  const { branch } = clone.plan;
  const settings = [...remoteSettings(clone.address.shown), ...(branch === undefined ? [] : branchSettings(branch))];
  // a new clone's settings are written in one go: each run of git costs a small task as much as its own script
  const lines = settings.map(formatSetting);
  if (isNew && lines.every(isPlain)) await appendFile(join(folder, 'config'), lines.join(''));
  else
    for (const { section, key, value } of settings)
      await must(clone, ['config', `${section.join('.')}.${key}`, value], signal);
}

async function checkOut(clone: Clone, target: string, signal: AbortSignal): Promise<string> {
  const { branch, submodules } = clone.plan;
  if (branch === undefined) {
    await must(clone, ['checkout', '--force', '--quiet', '--detach', target], signal);
  } else {
    await must(clone, ['checkout', '--force', '--quiet', '--no-track', '-B', branch, target], signal);
  }
  await fetchLargeFiles({ git: clone.git, address: clone.address, output: clone.context.output }, signal);
  if (submodules) {
    await must(clone, ['submodule', 'update', '--init', '--recursive', '--force'], signal);
    await must(clone, ['submodule', 'foreach', '--recursive', FORGET_ADDRESS], signal);
  }
  const { revision = '' } = clone.plan;
  return isFullRevision(revision) ? revision : must(clone, ['rev-parse', 'HEAD'], signal);
}

/**
 * Clones with the `git` program into the working folder. Only the wanted revision is fetched where the server allows
 * that. Throws `AppError` in one sentence when the revision is missing or the server refuses; rejects on abort.
 */
export async function cloneWithGit(url: string, context: StepContext, signal: AbortSignal): Promise<void> {
  const address = redactAddress(url, context.secrets.values());
  for (const secret of address.secrets) context.secrets.add(secret);
  const plan = planClone(context.environment);
  const clone = { git: await openGit(address, context.workingFolder, context), plan, address, context };
  await context.output.print(`Cloning ${address.shown}, ${plan.what}.`);
  await prepare(clone, signal);
  try {
    const head = await checkOut(clone, await fetchRevision(clone, signal), signal);
    await context.output.print(`Checked out ${head} (${plan.what}).`);
  } finally {
    await rm(join(context.workingFolder, '.git/FETCH_HEAD'), { force: true }); // git notes the real address there
  }
}
