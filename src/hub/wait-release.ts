import type { Clock } from '../platform/clock.ts';
import type { HeldPoll } from './member.ts';

/**
 * Something to wait on until it is released, the time is over, or the caller has gone, whichever comes first. Resolves
 * with whether it was released.
 */
export function holdable(): HeldPoll & {
  wait(maxMs: number, clock: Pick<Clock, 'after'>, signal: AbortSignal): Promise<boolean>;
} {
  const ended = Promise.withResolvers<boolean>();
  const give = () => ended.resolve(false);
  return {
    release: () => ended.resolve(true),
    async wait(maxMs, clock, signal) {
      const cancelTimer = clock.after(maxMs, give);
      signal.addEventListener('abort', give, { once: true });
      if (signal.aborted) give();
      const released = await ended.promise;
      signal.removeEventListener('abort', give);
      cancelTimer();
      return released;
    },
  };
}
