import { describeError } from '../../lib/errors.ts';
import { errnoOf } from '../../platform/files.ts';
import { RpcError } from '../../rpc/rpc-error.ts';

/** What the system refuses in the folders of a cache, with the remedy. */
const TROUBLE: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; make room on the worker',
  EDQUOT: 'the disk quota of this user is used up; make room on the worker, or raise the quota',
  EROFS: 'the file system can only be read; choose another folder',
  EACCES: 'this user may not write there; choose another folder, or change its mode',
  EPERM: 'this user may not write there; choose another folder, or change its mode',
  EMFILE: 'this process has as many files open as it may; raise the limit (ulimit -n)',
  EIO: 'the disk reports an error; look at the log of the system',
};

/** What kept a cache from its way, for the log of the task. */
export function describeTrouble(error: unknown): string {
  if (error instanceof RpcError) {
    return error.status === 'UNIMPLEMENTED' ? 'this server stores no caches' : `${error.message} (${error.status})`;
  }
  const errno = errnoOf(error) ?? '';
  const sentence = TROUBLE[errno];
  if (sentence === undefined) return describeError(error);
  const path = error instanceof Error && 'path' in error && typeof error.path === 'string' ? `${error.path}: ` : '';
  return `${path}${sentence} (${errno})`;
}
