import type { Clock } from './clock.ts';

/**
 * Waits for `work` at most `ms`; its signal aborts when nobody waits any more. Resolves to its result or to
 * `undefined` when the time was over, and rejects with what it throws, or with the reason of `signal`.
 */
export async function bounded<T>(
  work: (signal: AbortSignal) => Promise<T>,
  ms: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<T | undefined> {
  const done = new AbortController();
  const scope = AbortSignal.any([done.signal, signal]);
  const timeout = clock.sleep(ms, scope).then(() => undefined);
  timeout.catch(() => {}); // once the work has won, nobody listens to the timer
  const result = work(scope);
  result.catch(() => {}); // nor to work that lost
  try {
    return await Promise.race([result, timeout]);
  } finally {
    done.abort();
  }
}
