import type { Clock } from '../platform/clock.ts';
import type { HeldPoll } from './member.ts';

/** Something to wait on until it is released, the time is over, or the caller has gone, whichever comes first. */
export function holdable(): HeldPoll & {
  wait(maxMs: number, clock: Pick<Clock, 'after'>, signal: AbortSignal): Promise<void>;
} {
  const released = Promise.withResolvers<void>();
  return {
    release: () => released.resolve(),
    async wait(maxMs, clock, signal) {
      const cancelTimer = clock.after(maxMs, released.resolve);
      signal.addEventListener('abort', () => released.resolve(), { once: true });
      if (signal.aborted) released.resolve();
      await released.promise;
      cancelTimer();
    },
  };
}
