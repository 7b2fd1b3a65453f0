import { describeError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { TaskApi } from './task-api.ts';

/** A fact of the protocol: servers take an agent for dead that is silent for much longer. */
const HEARTBEAT_MS = 60_000;

/** After a call that took up the whole period. */
const MIN_PAUSE_MS = 1_000;

/**
 * Tells the server every 60 s that this agent lives, until `signal` aborts; resolves then. The rate is fixed, whatever a
 * call takes. A failure is only noted, since the other calls tell what it means.
 */
export async function beatHeart(
  api: TaskApi,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const startMs = clock.monoMs();
    await api.heartbeat(signal).catch((error: unknown) => {
      if (!signal.aborted) log.debug('heartbeat failed', { reason: describeError(error) });
    });
    const restMs = Math.max(MIN_PAUSE_MS, startMs + HEARTBEAT_MS - clock.monoMs());
    await clock.sleep(restMs, signal).catch(() => {}); // the loop looks at the signal itself
  }
}
