import { type BackoffPolicy, backoffMs } from '../lib/backoff.ts';
import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import { RpcError, retryOf } from '../rpc/rpc-error.ts';

export interface RetryDeps {
  readonly clock: Clock;
  readonly random: Random;
}

/** A hub that restarts is found again within a few seconds; one that stays away is not flooded. */
export const HUB_BACKOFF: BackoffPolicy = { firstMs: 250, maxMs: 10_000 };

/** Whether asking again may help: not for a refused credential, an unknown task or method, or our own bug. */
export function isTemporary(error: unknown): boolean {
  return error instanceof RpcError && retryOf(error) === 'backoff';
}

/**
 * Calls `run` until it succeeds, with growing pauses. Rejects with the first permanent error, or, once `signal` has
 * aborted, with the last temporary one.
 */
export async function retrying<T>(
  run: (attempt: number) => Promise<T>,
  policy: BackoffPolicy,
  { clock, random }: RetryDeps,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await run(attempt);
    } catch (error) {
      if (!isTemporary(error) || signal.aborted) throw error;
      try {
        await clock.sleep(backoffMs(attempt, policy, random), signal);
      } catch {
        throw error; // the time is over: the failure itself says more than the abort
      }
    }
  }
}
