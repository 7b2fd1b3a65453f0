import { AppError } from '../../lib/errors.ts';

/** A bound on how many of something run at once, with a bound on how many wait for their turn. */
export interface Slots {
  /** Waits for a free slot; call the result once to give it back. Throws `AppError` (UNAVAILABLE) when too many wait. */
  take(signal: AbortSignal): Promise<() => void>;
}

export function createSlots(running: number, waiting: number): Slots {
  let free = running;
  const queue: (() => void)[] = [];
  const release = () => {
    const next = queue.shift();
    if (next === undefined) free += 1;
    else next();
  };
  const handOut = () => {
    let held = true;
    return () => {
      if (held) release();
      held = false;
    };
  };
  return {
    async take(signal) {
      signal.throwIfAborted();
      if (free > 0) {
        free -= 1;
        return handOut();
      }
      if (queue.length >= waiting) {
        throw new AppError('UNAVAILABLE', 'too many clones wait at the hub', { hint: 'try again in a moment' });
      }
      const turn = Promise.withResolvers<void>();
      const onAbort = () => {
        const at = queue.indexOf(turn.resolve);
        if (at < 0) return; // the slot was handed over in the same turn; the caller gives it back
        queue.splice(at, 1);
        turn.reject(signal.reason);
      };
      queue.push(turn.resolve);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        await turn.promise;
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
      return handOut();
    },
  };
}
