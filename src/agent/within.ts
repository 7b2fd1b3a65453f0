import type { Clock } from '../platform/clock.ts';

/** Waits for `work`, at most `ms`. True when it ended in time; the work itself goes on either way. Rejects as it does. */
export async function within(work: Promise<unknown>, ms: number, clock: Clock): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const cancel = clock.after(ms, () => late.resolve(false));
  try {
    return await Promise.race([work.then(() => true), late.promise]);
  } finally {
    cancel();
  }
}
