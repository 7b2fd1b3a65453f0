import type { Clock } from '../platform/clock.ts';
import type { Patience, Progress } from './steps.ts';

/** Why something was ended early; the reason of every abort signal of a task. */
export type StopReason = 'timeout' | 'cancelled' | 'abandoned';

/** Time that clean-up steps have after the deadline or a cancel; specification of the agent, 4.4. */
const GRACE_MS = 5 * 60_000;

/** What a server that names no limit gets; the value of local runs in the existing tools. */
const DEFAULT_TIMEOUT_MS = 60 * 60_000;

/** The limits of a running task. Abandoning ends everything; a cancel or the deadline opens the window for clean-up. */
export interface TaskLimits {
  /** The signal that bounds a step. Its reason is a `StopReason`. */
  signalFor(patience: Patience): AbortSignal;
  readonly progress: Omit<Progress, 'failed'>;
  /** Takes all timers back. */
  end(): void;
}

/** A limit of 0 or less, which some servers send for "none", is an hour. */
export function timeoutOf(seconds: bigint): number {
  return seconds > 0n ? Number(seconds) * 1_000 : DEFAULT_TIMEOUT_MS;
}

/** Starts the clock of a task. `cancel` and `abandon` come from outside. */
export function startLimits(timeoutMs: number, clock: Clock, cancel: AbortSignal, abandon: AbortSignal): TaskLimits {
  const deadline = new AbortController();
  const cancelled = new AbortController();
  const grace = new AbortController();
  const abandoned = new AbortController();
  const timers: (() => void)[] = [];
  const openGrace = () => {
    if (timers.length < 2) timers.push(clock.after(GRACE_MS, () => grace.abort('timeout' satisfies StopReason)));
  };
  timers.push(
    clock.after(timeoutMs, () => {
      deadline.abort('timeout' satisfies StopReason);
      openGrace();
    }),
  );
  const onCancel = () => {
    cancelled.abort('cancelled' satisfies StopReason);
    openGrace();
  };
  const onAbandon = () => abandoned.abort('abandoned' satisfies StopReason);
  if (cancel.aborted) onCancel();
  if (abandon.aborted) onAbandon();
  cancel.addEventListener('abort', onCancel, { once: true });
  abandon.addEventListener('abort', onAbandon, { once: true });
  const clean = AbortSignal.any([grace.signal, abandoned.signal]);
  const signals: Readonly<Record<Patience, AbortSignal>> = {
    task: AbortSignal.any([abandoned.signal, deadline.signal, cancelled.signal]),
    'until-cancel': AbortSignal.any([cancelled.signal, clean]),
    grace: clean,
  };
  return {
    signalFor: (patience) => signals[patience],
    get progress() {
      return { timedOut: deadline.signal.aborted, cancelled: cancelled.signal.aborted };
    },
    end() {
      cancel.removeEventListener('abort', onCancel);
      abandon.removeEventListener('abort', onAbandon);
      for (const stop of timers) stop();
    },
  };
}
