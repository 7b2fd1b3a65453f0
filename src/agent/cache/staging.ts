import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, renameSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { AppError } from '../../lib/errors.ts';
import { nameOfBytes, systemPath } from '../../lib/raw-name.ts';
import type { FileLocks } from '../../platform/file-lock.ts';
import { errnoOf } from '../../platform/files.ts';
import { type Claim, claimNames, isStagingName } from './leftovers.ts';
import { removeTree } from './remove-tree.ts';

/** Moves files and folders within one disk, and takes all of it back. */
class Moves {
  readonly #done: (readonly [from: string, to: string])[] = [];

  move(from: string, to: string): void {
    this.#rename(from, to);
    this.#done.push([from, to]);
  }

  undo(): void {
    for (const [from, to] of this.#done.splice(0).reverse()) this.#rename(to, from);
  }

  /** A folder that may not be written can only be moved to another one while it may. */
  #rename(from: string, to: string): void {
    try {
      renameSync(systemPath(from), systemPath(to));
    } catch (error) {
      const stats = lstatSync(systemPath(from), { throwIfNoEntry: false });
      if (errnoOf(error) !== 'EACCES' || stats?.isDirectory() !== true || (stats.mode & 0o200) !== 0) throw error;
      chmodSync(systemPath(from), stats.mode | 0o700);
      renameSync(systemPath(from), systemPath(to));
      chmodSync(systemPath(to), stats.mode & 0o7777);
    }
  }
}

/** How a target gets its new content. */
type Way =
  /** The whole tree is exchanged by renaming. */
  | 'exchange'
  /** The folder stays, all that is in it is exchanged: a mount point, or a folder in one that may not be written. */
  | 'exchange content'
  /** Files are added and replaced, others stay: the folder holds the checkout, or the user's home. */
  | 'add';

function statsOf(path: string): Stats | undefined {
  return lstatSync(systemPath(path), { throwIfNoEntry: false });
}

function namesIn(folder: string): string[] {
  return readdirSync(systemPath(folder), { encoding: 'buffer' }).map((name) => nameOfBytes(name));
}

interface Staged {
  readonly target: string;
  readonly claim: Claim;
  readonly way: Way;
  /** Where the new tree is made. */
  readonly fresh: string;
  /** Where the old one goes, and what is removed at the end. */
  readonly old: string;
}

/** New trees in the making, each on the disk of the folder that it will replace. */
export class Staging {
  readonly #staged = new Map<string, Staged>();
  readonly #moves = new Moves();

  /** `precious`: folders that no cache may take away, such as the working folder. */
  constructor(
    private readonly precious: readonly string[],
    private readonly locks: FileLocks,
  ) {}

  /** The path, not there yet, at which the new content of `target` is to be made. Throws the system's errors. */
  place(target: string): string {
    const known = this.#staged.get(target);
    if (known !== undefined) return known.fresh;
    mkdirSync(systemPath(dirname(target)), { recursive: true });
    const staged = this.#stage(target);
    this.#staged.set(target, staged);
    return staged.fresh;
  }

  /** Puts all new trees in place, or none: what fails is taken back and thrown. */
  commit(): void {
    try {
      for (const staged of this.#staged.values()) if (existsSync(systemPath(staged.fresh))) this.#putInPlace(staged);
    } catch (error) {
      this.#moves.undo();
      throw error;
    }
  }

  /** Removes what is left of old or unfinished trees. Rejects with the system's error. */
  async clean(): Promise<void> {
    for (const { fresh, old, claim } of this.#staged.values()) {
      await removeTree(fresh);
      await removeTree(old);
      claim.release();
    }
  }

  #stage(target: string): Staged {
    const parent = dirname(target);
    const isFolder = statsOf(target)?.isDirectory() === true;
    const isPrecious = this.precious.some((folder) => folder === target || folder.startsWith(`${target}/`));
    const isMount = isFolder && statsOf(target)?.dev !== statsOf(parent)?.dev;
    const staysInPlace = isFolder && (isPrecious || isMount || target === parent);
    const beside = staysInPlace ? undefined : claimNames(parent, this.locks);
    if (beside !== undefined) {
      return { target, claim: beside, way: 'exchange', fresh: `${beside.path}-new`, old: `${beside.path}-old` };
    }
    const claim = isFolder ? claimNames(target, this.locks) : undefined;
    if (claim === undefined) {
      const hint = 'keep the cache in a folder that the user of the task may write';
      throw new AppError('UNAVAILABLE', `this user may make nothing in ${isFolder ? target : parent}`, { hint });
    }
    mkdirSync(systemPath(claim.path), 0o700);
    mkdirSync(systemPath(`${claim.path}/old`), 0o700);
    const way = isFolder && isPrecious ? 'add' : 'exchange content';
    return { target, claim, way, fresh: `${claim.path}/new`, old: claim.path };
  }

  #putInPlace(staged: Staged): void {
    const { target, way, fresh, old } = staged;
    if (way === 'add') {
      this.#add(fresh, target, `${old}/old`, { count: 0 });
    } else if (way === 'exchange') {
      if (statsOf(target) !== undefined) this.#moves.move(target, old);
      this.#moves.move(fresh, target);
    } else {
      for (const name of namesIn(target)) {
        if (!isStagingName(name)) this.#moves.move(`${target}/${name}`, `${old}/old/${name}`);
      }
      for (const name of namesIn(fresh)) this.#moves.move(`${fresh}/${name}`, `${target}/${name}`);
    }
  }

  #add(from: string, to: string, old: string, counter: { count: number }): void {
    for (const name of namesIn(from)) {
      const [source, place] = [`${from}/${name}`, `${to}/${name}`];
      const present = statsOf(place);
      if (present?.isDirectory() === true && statsOf(source)?.isDirectory() === true) {
        this.#add(source, place, old, counter);
        continue;
      }
      counter.count += 1;
      if (present !== undefined) this.#moves.move(place, `${old}/${counter.count}`);
      this.#moves.move(source, place);
    }
  }
}
