import { AppError } from '../lib/errors.ts';

/** Refuses to touch a real machine without its rights. Throws `AppError` (NO_PERMISSION). */
export function requireRoot({ root, uid }: { readonly root: string; readonly uid: number }, command: string): void {
  if (root !== '/' || uid === 0) return;
  throw new AppError('NO_PERMISSION', `pwagent ${command} needs root`, { hint: 'run it with sudo' });
}
