import type { StatusName } from '../model.ts';
import { isFinal } from './dependencies.ts';

/** A task that holds a place on the worker, as stored. */
export interface PlacedTask {
  readonly id: number;
  readonly status: StatusName;
  /** Session in which it was last handed out. */
  readonly session: string | null;
  readonly handouts: number;
  readonly mustStop: boolean;
}

export interface Snapshot {
  readonly placed: readonly PlacedTask[];
  /** Ids of the worker's own list, as they came. */
  readonly reported: ReadonlySet<string>;
  readonly session: string;
  /** By task id: when a poll first failed to name it, in monotonic milliseconds. */
  readonly missedSince: ReadonlyMap<number, number>;
  readonly nowMs: number;
}

export interface Reconciled {
  readonly handOutAgain: readonly number[];
  /** The worker does not have them, and they cannot be handed out again. */
  readonly lost: readonly PlacedTask[];
  /** Ended tasks whose place is free. */
  readonly freed: readonly number[];
  readonly stop: readonly string[];
  readonly missedSince: ReadonlyMap<number, number>;
}

/** A report may be under way beside the poll that no longer names its task, so one such poll proves nothing yet. */
export const DOUBT_MS = 2_000;

/** How often one assignment is handed out before the hub gives up on it. */
export const MAX_HANDOUTS = 3;

/**
 * Compares what the hub believes with the list in a poll, which is a full picture: what one exchange lost shows in
 * the next. A task that the worker does not name is in doubt first, unless the worker has registered anew since.
 */
export function reconcile({ placed, reported, session, missedSince, nowMs }: Snapshot): Reconciled {
  const handOutAgain: number[] = [];
  const lost: PlacedTask[] = [];
  const freed: number[] = [];
  const missing = new Map<number, number>();
  for (const task of placed) {
    if (reported.has(String(task.id))) continue;
    if (isFinal(task.status)) {
      freed.push(task.id);
      continue;
    }
    const since = missedSince.get(task.id) ?? nowMs;
    if (task.session === session && nowMs - since < DOUBT_MS) missing.set(task.id, since);
    else if (task.status === 'SCHEDULED' && task.handouts < MAX_HANDOUTS) handOutAgain.push(task.id);
    else lost.push(task);
  }
  const wanted = new Set(placed.filter((task) => !task.mustStop).map((task) => String(task.id)));
  const stop = [...reported].filter((id) => !wanted.has(id));
  return { handOutAgain, lost, freed, stop, missedSince: missing };
}
