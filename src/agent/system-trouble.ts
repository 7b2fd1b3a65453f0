import { AppError } from '../lib/errors.ts';
import { errnoOf } from '../platform/files.ts';

/** What the system refuses for reasons that lie in the machine, with the remedy. */
const TROUBLE: Readonly<Record<string, readonly [message: string, hint: string]>> = {
  ENOSPC: ['the disk of the temporary files is full', 'make room on the worker, or let TMPDIR name a larger disk'],
  EDQUOT: ['the disk quota of this user is used up', 'make room on the worker, or raise the quota'],
  EFBIG: ['a file would be larger than this user may make it', 'raise the limit (ulimit -f)'],
  EROFS: ['the file system of the temporary files can only be read', 'let TMPDIR name a folder that can be written'],
  EACCES: ['this user may not write the temporary files', 'let TMPDIR name a folder that this user may write'],
  EMFILE: ['this process has as many files open as it may', 'raise the limit (ulimit -n)'],
  ENFILE: ['the machine has as many files open as it can', 'look for the program that holds them'],
  ENOMEM: ['the machine is out of memory', 'give it more, or run fewer tasks at a time'],
  EAGAIN: ['no more processes can be started', 'raise the limit (ulimit -u), or run fewer tasks at a time'],
  EIO: ['the disk reports an error', 'look at the log of the system'],
};

/** The sentence for people when a system call failed for a reason that lies in the machine; undefined for anything else. */
export function systemTrouble(error: unknown): AppError | undefined {
  const errno = errnoOf(error);
  const path = error instanceof Error && 'path' in error && typeof error.path === 'string' ? error.path : undefined;
  if (path !== undefined && (errno === 'EACCES' || errno === 'EPERM')) {
    const hint = 'change its mode or owner, or choose another place';
    return new AppError('CONFIG', `this user may not use ${path} (${errno})`, { hint, cause: error });
  }
  const [message, hint] = TROUBLE[errno ?? ''] ?? [];
  return message === undefined ? undefined : new AppError('CONFIG', `${message} (${errno})`, { hint, cause: error });
}
