import { chmod, chown, lstat, mkdir, readFile, rm, rmdir, symlink } from 'node:fs/promises';
import { AppError } from '../lib/errors.ts';
import { Secret } from '../lib/secret.ts';
import { errnoOf, writeFileAtomically } from '../platform/files.ts';
import { inRoot } from './paths.ts';
import { describeStep, type Step } from './step.ts';
import type { World } from './world.ts';

const RETRY_MS = 2_000;

function explain(error: unknown, step: Step): AppError {
  if (error instanceof AppError) return error;
  const errno = errnoOf(error);
  const failed = (code: 'CONFIG' | 'NO_PERMISSION', what: string, hint?: string) =>
    new AppError(code, `could not ${describeStep(step).split(':')[0]}: ${what}`, { hint, cause: error });
  switch (errno) {
    case undefined:
      throw error;
    case 'EROFS':
      return failed('CONFIG', 'the file system is read-only', 'mount it for writing');
    case 'EACCES':
    case 'EPERM':
      return failed('NO_PERMISSION', 'this user may not', 'run it with sudo');
    case 'ENOTEMPTY':
      return failed('CONFIG', 'it holds something else', 'look at it, and remove it by hand');
    case 'ENOSPC':
      return failed('CONFIG', 'the disk is full', 'free some space and run it again');
    default:
      return failed('CONFIG', errno);
  }
}

/** Modes are set at last and exactly, whatever the umask; owner root where this process may give files away. */
async function settle(path: string, mode: number, { uid }: World): Promise<void> {
  if (uid === 0) await chown(path, 0, 0);
  await chmod(path, mode);
}

async function runStep(step: Extract<Step, { tag: 'run' }>, world: World, signal: AbortSignal): Promise<string[]> {
  for (let left = step.tries ?? 1; ; left -= 1) {
    const { code, stderr, stdout } = await world.run(step.argv, signal);
    if (code === 0) return [];
    if (left > 1) {
      await world.clock.sleep(RETRY_MS, signal);
      continue;
    }
    const said = (stderr.trim() || stdout.trim()).split('\n').at(-1) ?? '';
    const what = `${step.argv.join(' ')} failed${code === null ? '' : ` with ${code}`}${said === '' ? '' : `: ${said}`}`;
    if (step.optional === true) return [what];
    throw new AppError('CONFIG', what, { hint: 'mend it and run the same command again: what is done stays done' });
  }
}

/** A file, a link, or an empty folder; what is gone already is no error. */
async function removeOne(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined); // gone meanwhile
  if (found?.isDirectory()) await rmdir(path);
  else await rm(path, { force: true });
}

async function change(step: Step, world: World, signal: AbortSignal): Promise<string[]> {
  const at = (path: string) => inRoot(world.root, path);
  switch (step.tag) {
    case 'folder':
      await mkdir(at(step.path), { recursive: true, mode: 0o755 });
      await settle(at(step.path), step.mode, world);
      return [];
    case 'write': {
      const text = step.content instanceof Secret ? step.content.reveal() : step.content;
      await writeFileAtomically(at(step.path), text, step.mode);
      await settle(at(step.path), step.mode, world);
      return [];
    }
    case 'copy':
      await writeFileAtomically(at(step.path), await readFile(step.from), step.mode);
      await settle(at(step.path), step.mode, world);
      return [];
    case 'mode':
      await settle(at(step.path), step.mode, world);
      return [];
    case 'link':
      await rm(at(step.path), { force: true });
      await symlink(step.target, at(step.path));
      return [];
    case 'remove':
      await removeOne(at(step.path));
      return [];
    case 'run':
      return runStep(step, world, signal);
    case 'end':
      await world.end(step.pid, step.started, signal);
      return [];
  }
}

/**
 * Carries out one step; returns what deserves a warning. Throws `AppError`: CONFIG for a read-only or full disk and for
 * a program that fails, NO_PERMISSION for missing rights.
 */
export async function performStep(step: Step, world: World, signal: AbortSignal): Promise<readonly string[]> {
  try {
    return await change(step, world, signal);
  } catch (error) {
    if (signal.aborted) throw new AppError('TEMPORARY', 'stopped half-way', { hint: 'run the same command again' });
    throw explain(error, step);
  }
}
