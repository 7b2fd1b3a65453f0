import type { Clock } from '../platform/clock.ts';

/**
 * Ages of stored things. Wall time only bridges the gap to the first look of this process; from then on the monotonic
 * clock counts, so that a step of the wall clock neither fails a task nor keeps one alive.
 */
export class Ages {
  readonly #bornMs = new Map<string, number>();

  constructor(private readonly clock: Pick<Clock, 'monoMs' | 'wallMs'>) {}

  /** Milliseconds since `sinceWallMs`, a stored time of day. `key` names the thing and the meaning of the time. */
  ageMs(key: string, sinceWallMs: number): number {
    const nowMs = this.clock.monoMs();
    const bornMs = this.#bornMs.get(key) ?? nowMs - Math.max(0, this.clock.wallMs() - sinceWallMs);
    this.#bornMs.set(key, bornMs);
    return nowMs - bornMs;
  }

  /** Counts from now on. */
  restart(key: string): void {
    this.#bornMs.set(key, this.clock.monoMs());
  }

  forget(key: string): void {
    this.#bornMs.delete(key);
  }
}
