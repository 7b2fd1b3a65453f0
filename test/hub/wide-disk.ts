import { DiskWatch } from '../../src/hub/disk-watch.ts';
import type { Logger } from '../../src/lib/log.ts';
import type { Clock } from '../../src/platform/clock.ts';

/** A disk that never fills. */
export function wideDisk(clock: Clock, log: Logger): DiskWatch {
  return new DiskWatch({ folders: [], minFreeBytes: 0, freeBytes: async () => 0, clock, log });
}
