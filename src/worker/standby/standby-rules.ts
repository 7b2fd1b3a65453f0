import { type Amounts, amountsFit } from '../../lib/amounts.ts';

/** What there is of a standby. */
export type StandbyState = 'none' | 'booting' | 'ready' | 'closing';

/** What decides about a standby; times in milliseconds of the monotonic clock. */
export interface StandbyView {
  readonly state: StandbyState;
  /** Undefined: there shall be none. */
  readonly resources: Amounts | undefined;
  /** What tasks leave free. */
  readonly free: Amounts;
  readonly runningTasks: number;
  /** The worker takes no further tasks. */
  readonly draining: boolean;
  readonly nowMs: number;
  /** A failed attempt is not repeated before. */
  readonly notBeforeMs: number;
  readonly readySinceMs: number;
  /** Its image has been replaced by a newer one. */
  readonly stale: boolean;
}

export type StandbyDecision = 'boot' | 'close' | 'leave';

/** A machine that has waited so long is replaced: what is in it grows old, and its clock with it. */
export const MAX_AGE_MS = 24 * 60 * 60_000;

/**
 * Whether the standby has room beside the tasks. One with resources has where they fit. One without could be the third
 * guest of a host that allows two, so it makes way for every task.
 */
function hasRoom({ resources, free, runningTasks }: StandbyView): boolean {
  if (resources === undefined) return false;
  return Object.keys(resources).length === 0 ? runningTasks === 0 : amountsFit(resources, free);
}

/** What to do about the standby now; specification of the worker, sections 9.1 and 9.2, and its weaknesses 35 to 38. */
export function decideStandby(view: StandbyView): StandbyDecision {
  const wanted = hasRoom(view) && !view.draining;
  if (view.state === 'none') return wanted && view.nowMs >= view.notBeforeMs ? 'boot' : 'leave';
  if (view.state === 'closing') return 'leave';
  if (!wanted) return 'close';
  if (view.state === 'booting') return 'leave';
  const old = view.nowMs - view.readySinceMs >= MAX_AGE_MS;
  return old || view.stale ? 'close' : 'leave';
}
