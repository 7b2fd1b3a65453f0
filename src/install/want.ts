import { AppError } from '../lib/errors.ts';
import { Secret } from '../lib/secret.ts';
import { type Seen, sha256Of } from './seen.ts';
import type { Step } from './step.ts';

type Table = ReadonlyMap<string, Seen>;

/** What was seen at a path; a path that nobody looked at is our bug. */
export function seenAt(seen: Table, path: string): Seen {
  const found = seen.get(path);
  if (found === undefined) throw new Error(`nobody looked at ${path}`);
  return found;
}

function inTheWay(path: string, wanted: string): AppError {
  return new AppError('CONFIG', `${path} is no ${wanted}`, { hint: 'move away what stands there' });
}

/** The folder with exactly this mode, belonging to root. Throws `AppError` (CONFIG) when something else is in its place. */
export function wantFolder(seen: Table, path: string, mode: number, why: string): Step[] {
  const now = seenAt(seen, path);
  if (now.kind === 'absent') return [{ tag: 'folder', path, mode, why }];
  if (now.kind !== 'folder') throw inTheWay(path, 'folder');
  const right = now.mode === mode && now.uid === 0;
  return right ? [] : [{ tag: 'mode', path, mode, why: 'owner or mode is wrong' }];
}

/** A folder of the system: made when it is missing, else left as it is. */
export function wantSystemFolder(seen: Table, path: string): Step[] {
  const now = seenAt(seen, path);
  if (now.kind === 'folder' || now.kind === 'link') return [];
  if (now.kind !== 'absent') throw inTheWay(path, 'folder');
  return [{ tag: 'folder', path, mode: 0o755, why: 'it is missing' }];
}

/** The file with exactly this content and mode, belonging to root. */
export function wantFile(seen: Table, path: string, content: string | Secret, mode: number, why: string): Step[] {
  const now = seenAt(seen, path);
  if (now.kind === 'folder' || now.kind === 'other') throw inTheWay(path, 'file');
  const text = content instanceof Secret ? content.reveal() : content;
  if (now.kind !== 'file' || now.sha256 !== sha256Of(text)) return [{ tag: 'write', path, content, mode, why }];
  return wantMode(seen, path, mode);
}

/** For a file whose content is the operator's: its mode and owner alone. */
export function wantMode(seen: Table, path: string, mode: number): Step[] {
  const now = seenAt(seen, path);
  if (now.kind !== 'file' || (now.mode === mode && now.uid === 0)) return [];
  return [{ tag: 'mode', path, mode, why: 'owner or mode is wrong' }];
}
