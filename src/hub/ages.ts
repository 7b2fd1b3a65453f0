import type { Clock } from '../platform/clock.ts';

/** A moment, by both clocks of the hub. */
export interface Instant {
  /** Time of day, for people. */
  readonly wallMs: number;
  /** Hub time, for ages and limits. */
  readonly hubMs: number;
}

/**
 * Hub time: the milliseconds that a hub has been running over this store. It goes on with the monotonic clock and from
 * what was stored last, so that neither a step of the wall clock nor a night without a hub ages anything.
 */
export class HubTime {
  #offsetMs: number;

  constructor(
    storedMs: number,
    private readonly clock: Pick<Clock, 'monoMs' | 'wallMs'>,
  ) {
    this.#offsetMs = storedMs - clock.monoMs();
  }

  now(): Instant {
    return { wallMs: Math.floor(this.clock.wallMs()), hubMs: this.hubMs() };
  }

  hubMs(): number {
    return Math.floor(this.clock.monoMs() + this.#offsetMs);
  }

  /** Another hub over the same store is further on. */
  catchUp(storedMs: number): void {
    this.#offsetMs += Math.max(0, storedMs - this.hubMs());
  }
}
