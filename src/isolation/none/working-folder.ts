import { constants } from 'node:fs';
import { lstat, mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, describeError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../platform/clock.ts';
import type { FileLock, FileLocks } from '../../platform/file-lock.ts';
import { errnoOf } from '../../platform/files.ts';
import { processesIn } from '../../platform/process-table.ts';
import { randomToken } from '../../platform/random.ts';
import { currentUser } from '../../platform/users.ts';
import { killMarked } from './leftovers.ts';
import { removeTree } from './remove-tree.ts';

/** Name of the folder that compiler caches like to see again; specification of the worker, section 6.3. */
const STABLE_NAME = 'cirrus-build';

/**
 * Beside each folder stands a file that whoever made it keeps locked, and that says what goes with the folder. A file
 * that nobody has locked is a dead worker's, and so is what it names.
 */
const OWNER_SUFFIX = '.owner';
const OWNER_FILE = /^(cirrus-build(?:-[0-9a-f]{8})?)\.owner$/;
const PRIVATE_NAME = /^pwagent-task-[0-9a-f]{16}$/;
const MARK = /^[0-9a-f]{32}$/;

/** Leftovers that are looked at when a worker starts. */
const MAX_LEFTOVERS = 10_000;

/** Tries to find a name that nobody has planted something under. */
const NAME_TRIES = 20;

/** Id of users that a container does not know; what root of the machine owns shows as theirs. */
const OVERFLOW_UID = 65_534;

interface Owned {
  /** Marks the processes of the task in their environment. */
  readonly mark: string;
  /** Name of the agent's private folder, beside the working folder. */
  readonly private: string;
}

/** A folder for one task, and what belongs to it. */
export interface WorkingFolder {
  readonly path: string;
  /** For what the agent keeps to itself: logs on their way, tools, downloads. */
  readonly privatePath: string;
  readonly mark: string;
  /**
   * Removes both with all that is in them, and before that kills what still carries the mark, unless the caller has seen
   * that nothing does. Rejects with an `AppError` that says what stays.
   */
  remove(processes?: 'gone'): Promise<void>;
}

export interface WorkingFoldersOptions {
  /** Folder for working folders. */
  readonly temporary: string;
  readonly locks: FileLocks;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What an owner file says. It lies where tasks can write, so that names are not taken on trust. */
function parseOwned(text: string): Owned | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // a worker that died before it had written it, and so before it made anything
  }
  const { mark, private: name } = (value ?? {}) as Partial<Record<keyof Owned, unknown>>;
  if (typeof mark !== 'string' || !MARK.test(mark)) return undefined;
  return typeof name === 'string' && PRIVATE_NAME.test(name) ? { mark, private: name } : undefined;
}

function noRoom(temporary: string, error: unknown): AppError {
  const errno = errnoOf(error);
  const hints: Readonly<Record<string, string>> = {
    ENOSPC: 'the disk is full',
    EDQUOT: 'the quota of this user is used up',
    EMFILE: 'this worker has too many files open; raise its limit (ulimit -n)',
    ENFILE: 'the machine has too many files open',
    EACCES: 'the user of the worker may not write there; set TMPDIR to a folder of its own',
    EROFS: 'the file system is read-only; set TMPDIR to a folder of the worker',
  };
  return new AppError('TEMPORARY', `no working folder can be made in ${temporary}: ${describeError(error)}`, {
    hint: errno === undefined ? undefined : hints[errno],
    cause: error,
  });
}

/** In a folder of somebody else, or one where everybody may rename everything, no name means what it says. */
async function checkTemporary(temporary: string): Promise<void> {
  const { mode, uid } = await stat(temporary);
  const everybody = (mode & constants.S_IWOTH) !== 0 && (mode & 0o1000) === 0;
  const foreign = ![0, OVERFLOW_UID, currentUser().uid].includes(uid);
  if (!everybody && !foreign) return;
  const why = foreign ? 'it belongs to another user' : 'everybody may rename what is in it';
  throw new AppError('CONFIG', `${temporary} is not safe for working folders: ${why}`, {
    hint: everybody ? `run chmod +t ${temporary}, or set TMPDIR to a folder of the worker` : 'set TMPDIR',
  });
}

/** The working folders of one worker. */
export class WorkingFolders {
  #swept: Promise<void> | undefined;

  constructor(private readonly options: WorkingFoldersOptions) {}

  #at(name: string): string {
    return join(this.options.temporary, name);
  }

  /**
   * Makes a folder for a task: always the stable one when nobody holds it, so that compiler caches hit, else one with a
   * name of its own. `mark` is that of an agent that waits for the task. Rejects with an `AppError` when none can be made.
   */
  async make(mark = randomToken(16)): Promise<WorkingFolder> {
    const { temporary } = this.options;
    try {
      await mkdir(temporary, { recursive: true });
      await checkTemporary(temporary);
      await this.sweep();
      for (let attempt = 0; attempt < NAME_TRIES; attempt += 1) {
        const name = attempt === 0 ? STABLE_NAME : `${STABLE_NAME}-${randomToken(4)}`;
        const folder = await this.#tryName(name, mark);
        if (folder !== undefined) return folder;
      }
    } catch (error) {
      throw error instanceof AppError ? error : noRoom(temporary, error);
    }
    throw new AppError('TEMPORARY', `no working folder can be made in ${temporary}: all names are taken`);
  }

  /** Removes what workers of this user that died have left: folders, private folders, processes. Works once. */
  sweep(): Promise<void> {
    this.#swept ??= this.#sweep().catch((error: unknown) => {
      this.options.log.warn('leftovers could not be looked for', { error: describeError(error) });
    });
    return this.#swept;
  }

  async #sweep(): Promise<void> {
    const { temporary, locks, log } = this.options;
    const names = await readdir(temporary).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    });
    const left = names.flatMap((name) => OWNER_FILE.exec(name)?.[1] ?? []).slice(0, MAX_LEFTOVERS);
    for (const name of left) {
      const lock = locks.take(this.#at(`${name}${OWNER_SUFFIX}`));
      if (typeof lock === 'string') continue; // of a worker that lives, or of another user
      log.info('removing what a worker left that died', { folder: this.#at(name) });
      await this.#clear(name, lock).then(
        () => lock.release('remove'),
        (error: unknown) => {
          lock.release('keep');
          log.warn('leftover stays', { error: describeError(error) });
        },
      );
    }
  }

  /** Ends and removes what the owner file says. A folder without such a file is not ours to remove here. */
  async #clear(name: string, lock: FileLock, processes?: 'gone'): Promise<void> {
    const { clock, log } = this.options;
    const owned = parseOwned(lock.read());
    if (owned === undefined) return;
    const killed = processes === 'gone' ? 0 : await killMarked(owned.mark, clock);
    if (killed > 0) log.warn('leftover processes were killed', { processes: killed });
    await removeTree(this.#at(owned.private), clock);
    await removeTree(this.#at(name), clock);
  }

  async #tryName(name: string, mark: string): Promise<WorkingFolder | undefined> {
    const lock = this.options.locks.take(this.#at(`${name}${OWNER_SUFFIX}`));
    if (lock === 'foreign') this.#tellForeign(name);
    if (typeof lock === 'string') return undefined;
    try {
      const folder = (await this.#freeName(name, lock)) ? await this.#makeBoth(name, lock, mark) : undefined;
      if (folder === undefined) lock.release('remove');
      return folder;
    } catch (error) {
      lock.release('keep');
      throw error;
    }
  }

  /** Whether nothing has that name any more. What stands there and is ours goes, unless somebody works in it. */
  async #freeName(name: string, lock: FileLock): Promise<boolean> {
    const { clock, log } = this.options;
    const path = this.#at(name);
    try {
      await this.#clear(name, lock);
      const found = await lstat(path).catch(() => undefined); // not there, or mkdir says what is wrong
      if (found === undefined) return true;
      if (found.uid !== currentUser().uid) {
        this.#tellForeign(name);
        return false;
      }
      if (processesIn(path).length > 0) return false; // another kind of worker runs a task there
      await removeTree(path, clock);
      return true;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      log.warn('a leftover keeps a name from being used', { error: describeError(error) });
      return false;
    }
  }

  async #makeBoth(name: string, lock: FileLock, mark: string): Promise<WorkingFolder | undefined> {
    const owned: Owned = { mark, private: `pwagent-task-${randomToken(8)}` };
    lock.write(JSON.stringify(owned));
    try {
      for (const own of [owned.private, name]) await mkdir(this.#at(own), { mode: 0o700 });
    } catch (error) {
      await this.#clear(name, lock);
      if (errnoOf(error) === 'EEXIST') return undefined; // planted at this very moment
      throw error;
    }
    const remove = async (processes?: 'gone') => {
      try {
        await this.#clear(name, lock, processes);
        lock.release('remove');
      } catch (error) {
        lock.release('keep');
        throw error;
      }
    };
    return { path: this.#at(name), privatePath: this.#at(owned.private), mark: owned.mark, remove };
  }

  #tellForeign(name: string): void {
    const hint = 'as root, remove it, or give each user a TMPDIR of its own';
    this.options.log.warn('another user holds the name of the working folder', { path: this.#at(name), hint });
  }
}
