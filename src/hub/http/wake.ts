import type { Clock } from '../../platform/clock.ts';

/** Turns callbacks about changes into something that can be waited for; changes while nobody waits count as one. */
export interface Wake {
  ring(): void;
  /** Waits for a ring, at most `maxMs`: `change` or `quiet`. Rejects with the reason as soon as `signal` aborts. */
  next(maxMs: number, signal: AbortSignal): Promise<'change' | 'quiet'>;
}

export function createWake(clock: Clock): Wake {
  let rung = false;
  let notify: () => void = () => {};
  return {
    ring() {
      rung = true;
      notify();
    },
    async next(maxMs, signal) {
      signal.throwIfAborted();
      if (!rung) {
        const enough = new AbortController();
        const timer = clock.sleep(maxMs, AbortSignal.any([signal, enough.signal])).catch(() => {}); // judged below
        const ring = new Promise<void>((resolve) => {
          notify = resolve;
        });
        await Promise.race([timer, ring]);
        enough.abort();
        signal.throwIfAborted();
      }
      const outcome = rung ? 'change' : 'quiet';
      rung = false;
      return outcome;
    },
  };
}
