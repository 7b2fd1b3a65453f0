import { AppError } from '../../lib/errors.ts';
import type { CloneInstruction } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { cloneUrlOf } from './clone-address.ts';
import { cloneFromArchive } from './clone-archive.ts';
import { cloneWithGit } from './clone-git.ts';
import { hasGit } from './git.ts';
import type { Perform } from './instruction.ts';
import { ensureWorkingFolder } from './script.ts';

/** How a hub of ours offers an uploaded work tree as a plain tar. */
const ARCHIVE_VARIABLE = 'PWAGENT_SOURCE_ARCHIVE_URL';

/** Gets the sources: with git where there is an address and a git, else the uploaded work tree as an archive. */
export const clone: Perform<CloneInstruction> = async (_instruction, context, signal) => {
  const url = cloneUrlOf(context.environment);
  const archive = context.environment[ARCHIVE_VARIABLE] || undefined;
  await ensureWorkingFolder(context.workingFolder);
  const gitHere = url !== undefined && (await hasGit(context, signal));
  signal.throwIfAborted();
  if (url !== undefined && gitHere) {
    await cloneWithGit(url, context, signal);
  } else if (archive !== undefined) {
    const why = url === undefined ? 'The hub offers no git repository' : 'There is no git on this machine';
    await context.output.print(`${why}, so the uploaded work tree is taken as an archive, without history.`);
    await cloneFromArchive(archive, context, signal);
  } else if (url !== undefined) {
    throw new AppError('CONFIG', 'there is no git on this machine and the server offers no archive', {
      hint: 'install git on the worker',
    });
  } else {
    throw new AppError('CONFIG', 'the server did not say what to clone (CIRRUS_REPO_CLONE_URL is missing)', {
      hint: 'remove the clone instruction or run the task from a repository',
    });
  }
  return { tag: 'completed' };
};
