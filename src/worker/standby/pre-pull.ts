import { backoffMs } from '../../lib/backoff.ts';
import { describeError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Random } from '../../platform/random.ts';
import type { TartPrePull } from '../configuration/options.ts';

const FAILURE_BACKOFF = { firstMs: 60_000, maxMs: 60 * 60_000 };

/** No single pull may keep the others from their turn for longer. */
const PULL_LIMIT_MS = 6 * 60 * 60_000;

export interface PrePullDeps {
  /** Fetches an image; true when it is another one than before. */
  readonly pull: (image: string, signal: AbortSignal) => Promise<boolean>;
  /** A newer image is there. */
  readonly onNewImage: (image: string) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

interface Schedule {
  dueMs: number;
  failures: number;
}

/** When an image is looked at again after a look that worked. Without an interval: at the next opportunity alone. */
function nextDueMs({ checkIntervalMs, jitterMs }: TartPrePull, nowMs: number, random: Random): number {
  return checkIntervalMs === 0 ? Number.POSITIVE_INFINITY : nowMs + checkIntervalMs + jitterMs * random();
}

/**
 * Keeps images fresh in the background, one pull at a time, whether or not there is a standby. Each image has a clock of
 * its own, which only a pull that worked sets forward; one that failed is repeated with growing pauses.
 */
export class PrePull {
  readonly #schedules: ReadonlyMap<string, Schedule>;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly settings: TartPrePull,
    private readonly deps: PrePullDeps,
  ) {
    this.#schedules = new Map(settings.images.map((image) => [image, { dueMs: 0, failures: 0 }]));
  }

  /** Pulls what is due until `signal` aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.deps;
    while (!signal.aborted) {
      for (const image of this.#schedules.keys()) await this.#pullIfDue(image, signal);
      const next = Math.min(...[...this.#schedules.values()].map(({ dueMs }) => dueMs));
      const pauseMs = Math.min(next - clock.monoMs(), FAILURE_BACKOFF.maxMs);
      await clock.sleep(Math.max(1, pauseMs), signal).catch(() => {}); // the worker ends
    }
  }

  /** True for an image of the list: whoever boots it need not ask the registry. */
  covers(image: string): boolean {
    return this.#schedules.has(image);
  }

  /** An opportunity: an image without an interval is looked at now, and one whose turn has come. Never rejects. */
  async beforeBoot(image: string, signal: AbortSignal): Promise<void> {
    const schedule = this.#schedules.get(image);
    if (schedule === undefined) return;
    if (this.settings.checkIntervalMs === 0 && schedule.failures === 0) schedule.dueMs = 0;
    await this.#pullIfDue(image, signal);
  }

  #pullIfDue(image: string, signal: AbortSignal): Promise<void> {
    const pulled = this.#turn.then(() => this.#pull(image, signal));
    this.#turn = pulled;
    return pulled;
  }

  async #pull(image: string, signal: AbortSignal): Promise<void> {
    const { clock, random, log, pull, onNewImage } = this.deps;
    const schedule = this.#schedules.get(image);
    if (schedule === undefined || signal.aborted || clock.monoMs() < schedule.dueMs) return;
    const limit = new AbortController();
    const cancel = clock.after(PULL_LIMIT_MS, () => limit.abort());
    try {
      log.debug('pulling an image ahead of its use', { image });
      const isNew = await pull(image, AbortSignal.any([signal, limit.signal]));
      schedule.failures = 0;
      schedule.dueMs = nextDueMs(this.settings, clock.monoMs(), random);
      if (isNew) log.info('a newer image is there', { image });
      if (isNew) onNewImage(image);
    } catch (error) {
      if (signal.aborted) return;
      const pauseMs = backoffMs(schedule.failures, FAILURE_BACKOFF, random);
      schedule.failures += 1;
      schedule.dueMs = clock.monoMs() + pauseMs;
      log.warn('image could not be pulled ahead of its use', { image, error: describeError(error), pauseMs });
    } finally {
      cancel();
    }
  }
}
