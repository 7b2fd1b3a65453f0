import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { FileLock, FileLocks } from '../platform/file-lock.ts';
import { errnoOf } from '../platform/files.ts';

/** The name of a worker on this machine, from its start to its end. */
export interface HeldName {
  /** Tells this worker from others of its name; the same after a restart. Undefined where it cannot be known. */
  readonly instanceId: string | undefined;
  /** Another worker of this machine has the name already. */
  readonly taken: boolean;
  release(): void;
}

export interface NameWanted {
  readonly name: string;
  readonly endpoints: readonly string[];
  /** What tells this boot of this machine from every other. */
  readonly machine: string | undefined;
  /** Folder of the locks, absolute. */
  readonly folder: string;
  readonly locks: FileLocks;
}

/** So many workers of one name, on one machine and at the same hubs, are told apart. */
const MOST = 8;

const digest = (...parts: string[]) => createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 32);

/**
 * Holds a name by a lock that ends with the process, however that ends. The first worker has the id of the machine, so
 * that it gets its name back at once when it is restarted; one that starts beside it has another id, by which a hub sees
 * that these are two. Without it they would take each other's session in turns. Never waits, never throws.
 */
export function holdName({ name, endpoints, machine, folder, locks }: NameWanted): HeldName {
  const file = join(folder, `pwagent-worker-${digest(name, ...endpoints).slice(0, 16)}`);
  for (let place = 0; place < MOST; place += 1) {
    const lock = takeLock(locks, `${file}${place === 0 ? '' : `-${place}`}.lock`);
    if (lock === 'held' || lock === 'foreign') continue;
    const instanceId = place === 0 || machine === undefined ? machine : digest(machine, `${place}`);
    return { instanceId, taken: place > 0, release: () => lock?.release('remove') };
  }
  return { instanceId: undefined, taken: true, release: () => {} };
}

/** Undefined where no lock can be made, on a full disk for one: a worker that starts without is better than none. */
function takeLock(locks: FileLocks, path: string): FileLock | 'held' | 'foreign' | undefined {
  try {
    return locks.take(path);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}
