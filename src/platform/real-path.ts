import { lstat, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf } from './files.ts';

/** Where a path of this machine really leads. */
export interface RealPath {
  /** Absolute, no symbolic link, no `.` or `..`; parts that do not exist stand at the end as they were written. */
  readonly path: string;
  /** How many parts at the end do not exist. */
  readonly missing: number;
  /** The file system takes `A` and `a` for the same there, as macOS does by default. */
  readonly foldsCase: boolean;
}

function swapCase(text: string): string {
  return text.replace(/\p{L}/gu, (letter) =>
    letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
  );
}

/** Whether the name of the deepest directory with a letter in it is found in the other case too. */
async function foldsCaseAt(path: string): Promise<boolean> {
  let at = path;
  while (at !== '/') {
    const name = at.slice(at.lastIndexOf('/') + 1);
    if (swapCase(name) !== name) break;
    at = dirname(at);
  }
  if (at === '/') return false;
  const other = join(dirname(at), swapCase(at.slice(at.lastIndexOf('/') + 1)));
  const [here, there] = await Promise.all([stat(at), stat(other).catch(() => undefined)]);
  return there !== undefined && here.ino === there.ino && here.dev === there.dev;
}

/** The parts of a path, without empty ones and `.`. */
function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Follows an absolute path as the system itself would, links before `..`. Rejects with the system's error when it
 * cannot be followed: EACCES, ELOOP, ENOTDIR; ENOENT when `..` stands behind a part that does not exist, or when a
 * link leads to nothing.
 */
export async function realPathOf(path: string): Promise<RealPath> {
  const parts = partsOf(path);
  for (let missing = 0; ; missing += 1) {
    const known = `/${parts.slice(0, parts.length - missing).join('/')}`;
    const rest = parts.slice(parts.length - missing);
    try {
      const real = await realpath(known);
      const whole = rest.length === 0 ? real : join(real, ...rest);
      return { path: whole, missing, foldsCase: await foldsCaseAt(real) };
    } catch (error) {
      const last = parts[parts.length - missing - 1];
      if (errnoOf(error) !== 'ENOENT' || last === undefined || last === '..' || (await exists(known))) throw error;
    }
  }
}
