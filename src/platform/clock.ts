import { continuousNowMs } from './continuous-clock.ts';

/** The only source of time. Components get it as a parameter; tests pass a fake one. */
export interface Clock {
  /** Milliseconds since the Unix epoch; may jump. For people, log lines and the wire only. */
  wallMs(): number;
  /** Milliseconds from an arbitrary origin, never going back, standing still while the machine sleeps. */
  monoMs(): number;
  /** Milliseconds since boot, never stepping, counting sleep. For ages and deadlines of the machine. */
  continuousMs(): number;
  /** Resolves after `ms`; rejects with `signal.reason` as soon as it aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Calls `callback` once after `ms`. The returned function takes that back. */
  after(ms: number, callback: () => void): () => void;
}

/** Timers hold at most 2^31 - 1 ms; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2_147_483_647;

function after(ms: number, callback: () => void): () => void {
  if (ms > LONGEST_TIMER_MS) {
    let cancelRest = () => {};
    const cancelFirst = after(LONGEST_TIMER_MS, () => {
      cancelRest = after(ms - LONGEST_TIMER_MS, callback);
    });
    return () => {
      cancelFirst();
      cancelRest();
    };
  }
  const timer = setTimeout(callback, Math.max(0, ms));
  return () => clearTimeout(timer);
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      cancel();
      reject(signal.reason);
    };
    const cancel = after(ms, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monoMs: () => performance.now(),
  continuousMs: continuousNowMs,
  sleep,
  after,
};
