import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { AppError } from '../lib/errors.ts';
import { errnoOf } from '../platform/files.ts';
import { inRoot } from './paths.ts';

/** What stands at a path; symbolic links are not followed. `mode` holds the permission bits alone. */
export type Seen =
  | { readonly kind: 'absent' }
  | { readonly kind: 'file'; readonly mode: number; readonly uid: number; readonly sha256: string }
  | { readonly kind: 'folder'; readonly mode: number; readonly uid: number }
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'other' };

/** Tells what stands at a path of the installed machine. */
export type Look = (path: string) => Seen;

export function sha256Of(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

function describe(path: string, stats: Stats, rootUid: number): Seen {
  const mode = stats.mode;
  const uid = stats.uid === rootUid ? 0 : stats.uid;
  if (stats.isSymbolicLink()) return { kind: 'link', target: readlinkSync(path) };
  if (stats.isDirectory()) return { kind: 'folder', mode: mode & 0o7777, uid };
  if (!stats.isFile()) return { kind: 'other' };
  return { kind: 'file', mode: mode & 0o7777, uid, sha256: sha256Of(readFileSync(path)) };
}

/**
 * Looks below `root`. What an ordinary user stages belongs to that user (`uid`), who then stands for root. The returned function throws `AppError` (NO_PERMISSION) where this user may not look.
 */
export function lookBelow(root: string, uid: number): Look {
  const rootUid = root === '/' ? 0 : uid;
  return (path) => {
    const real = inRoot(root, path);
    try {
      return describe(real, lstatSync(real), rootUid);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOENT' || errno === 'ENOTDIR') return { kind: 'absent' };
      const forbidden = errno === 'EACCES' || errno === 'EPERM';
      throw new AppError(forbidden ? 'NO_PERMISSION' : 'CONFIG', `${real} cannot be read (${errno ?? String(error)})`, {
        hint: forbidden ? 'run it with sudo' : undefined,
        cause: error,
      });
    }
  };
}
