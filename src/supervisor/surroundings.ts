import { statfsSync } from 'node:fs';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import { type ClockReading, wallStepMs } from './age.ts';

/** Free space for ordinary users at `path`, in bytes; undefined when it cannot be told. */
export function freeBytesAt(path: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return undefined; // the folder went away: `status` shows null
  }
}

/** Tells when somebody set the wall clock. Nothing depends on it within a boot. */
export class WallWatch {
  readonly #clock: Clock;
  readonly #log: Logger;
  #last: ClockReading;

  constructor(started: ClockReading, clock: Clock, log: Logger) {
    this.#last = started;
    this.#clock = clock;
    this.#log = log;
  }

  check(): void {
    const now = { ...this.#last, continuousMs: this.#clock.continuousMs(), wallMs: this.#clock.wallMs() };
    const stepMs = wallStepMs(this.#last, now);
    this.#last = now;
    if (stepMs === undefined) return;
    this.#log.warn('the wall clock stepped; no deadline moves', {
      event: 'wall-clock',
      stepSeconds: Math.round(stepMs / 1_000),
    });
  }
}
