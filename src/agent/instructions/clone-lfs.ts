import { AppError } from '../../lib/errors.ts';
import type { CloneAddress } from './clone-address.ts';
import type { Git } from './git.ts';
import { reasonOf } from './git-verdict.ts';
import type { StepOutput } from './instruction.ts';

/** What `git lfs install --local` sets, without its hooks: so `git` in the task's own scripts knows the files too. */
const FILTER = [
  ['filter.lfs.clean', 'git-lfs clean -- %f'],
  ['filter.lfs.smudge', 'git-lfs smudge -- %f'],
  ['filter.lfs.process', 'git-lfs filter-process'],
  ['filter.lfs.required', 'true'],
] as const;

/** Where git-lfs remembers real addresses. */
const REMEMBERED = '^lfs\\..*\\.(access|locksverify)$';

interface LfsClone {
  readonly git: Git;
  readonly address: CloneAddress;
  readonly output: StepOutput;
}

async function succeeds({ git }: LfsClone, args: readonly string[], signal: AbortSignal): Promise<boolean> {
  const { end } = await git.run(args, signal);
  signal.throwIfAborted();
  return end.tag === 'exited' && end.code === 0;
}

/** git-lfs notes the address that it spoke to, which may hold a token. */
async function forgetAddresses({ git }: LfsClone, signal: AbortSignal): Promise<void> {
  const { text } = await git.run(['config', '--local', '--name-only', '--get-regexp', REMEMBERED], signal);
  for (const name of text.split('\n').filter((line) => line.startsWith('lfs.'))) {
    await git.run(['config', '--local', '--unset-all', name], signal);
  }
}

/**
 * Puts the contents of large files in the place of their pointers (Git LFS), where the checkout has any and git-lfs is on
 * this machine; a line tells when it is not. Throws `AppError` when they cannot be had; rejects on abort.
 */
export async function fetchLargeFiles(clone: LfsClone, signal: AbortSignal): Promise<void> {
  const attributes = ['grep', '--quiet', '--cached', '-e', 'filter=lfs', '--', ':(glob)**/.gitattributes'];
  if (!(await succeeds(clone, attributes, signal))) return;
  const { git, address, output } = clone;
  if (!(await succeeds(clone, ['lfs', 'version'], signal))) {
    await output.print(
      'The repository keeps large files with Git LFS; git-lfs is not on this machine, so they are pointers.',
    );
    return;
  }
  for (const [name, value] of FILTER) await git.run(['config', name, value], signal);
  const { end, text } = await git.run(['lfs', 'pull'], signal);
  await forgetAddresses(clone, signal);
  if (end.tag === 'exited' && end.code === 0) return;
  signal.throwIfAborted();
  const hint = 'look at the large files of the repository: they may never have been pushed (git lfs push)';
  throw new AppError('UNAVAILABLE', `large files of ${address.shown} cannot be had: ${reasonOf(text)}`, { hint });
}
