import { statfs } from 'node:fs/promises';
import { AppError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { formatSize } from '../lib/size.ts';
import type { Clock } from '../platform/clock.ts';

const LOOK_EVERY_MS = 5_000;

/** A disk that was too full has to gain so much more room before it counts as good again. */
const RELIEF = 1.25;

/** Bytes that this user may still write to the disk of a folder. */
export async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

export interface DiskWatchDeps {
  /** Folders that the hub writes to. */
  readonly folders: readonly string[];
  /** Below so much, no new work is taken: what is left is for the results and logs of what has begun. */
  readonly minFreeBytes: number;
  readonly freeBytes: (folder: string) => Promise<number>;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Logger;
}

/** Watches the room on the hub's disks, so that it refuses new work before it fails those that have begun. */
export class DiskWatch {
  #full: string | undefined;

  constructor(private readonly deps: DiskWatchDeps) {}

  get isFull(): boolean {
    return this.#full !== undefined;
  }

  /** Throws `AppError` (UNAVAILABLE) while there is too little room for new work. */
  expectRoom(): void {
    if (this.#full === undefined) return;
    const hint = 'free some space there; builds that have begun go on as long as there is any';
    throw new AppError('UNAVAILABLE', `the hub takes no new work: ${this.#full}`, { hint });
  }

  /** Looks once. Resolves with whether it has changed. */
  async look(): Promise<boolean> {
    const { folders, minFreeBytes, freeBytes, log } = this.deps;
    const limit = this.isFull ? minFreeBytes * RELIEF : minFreeBytes;
    let full: string | undefined;
    for (const folder of folders) {
      const free = await freeBytes(folder);
      if (free < limit)
        full ??= `the disk of ${folder} has ${formatSize(free)} left, and ${formatSize(limit)} are kept free`;
    }
    const changed = (full === undefined) !== (this.#full === undefined);
    this.#full = full;
    if (changed && full !== undefined) log.error('no new work is taken', { why: full });
    else if (changed) log.info('new work is taken again');
    return changed;
  }

  /** Looks every few seconds until `signal` aborts, and calls back after each change; then resolves. */
  async run(onChange: () => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.deps.clock.sleep(LOOK_EVERY_MS, signal);
        if (await this.look()) onChange();
      } catch (error) {
        if (!signal.aborted) this.deps.log.warn('the room on the disk is not known', { error: String(error) });
      }
    }
  }
}
