import { formatDuration } from '../lib/duration.ts';

/** What the clocks showed at one moment. `continuousMs` counts from the boot that `bootId` names. */
export interface ClockReading {
  readonly continuousMs: number;
  /** Empty when the system does not tell: then no two readings are known to be of one boot. */
  readonly bootId: string;
  readonly wallMs: number;
}

/** An age of the life, with the clocks at that moment: what the journal keeps. */
export interface AgeMark extends ClockReading {
  readonly ageMs: number;
}

export interface Reckoning {
  readonly ageMs: number;
  /** Set when a clock is not to be believed. */
  readonly warning?: string;
}

/** A wall clock that shows an earlier time has not been set: this product did not exist then. */
const EARLIEST_WALL_MS = Date.UTC(2025, 0, 1);

/** Differences up to this are the daily life of a clock. */
const STEP_MS = 10 * 60_000;

/**
 * Age now, from a mark that may be of an earlier boot. Within a boot only the continuous clock counts. Across boots the
 * wall clock tells the distance, unless it makes no sense; what has passed since the boot has passed in any case, so
 * a clock that was set back adds no time to the life.
 */
export function reckonAge(mark: AgeMark, now: ClockReading): Reckoning {
  if (now.bootId !== '' && now.bootId === mark.bootId) {
    return { ageMs: mark.ageMs + Math.max(0, now.continuousMs - mark.continuousMs) };
  }
  const sensible = mark.wallMs >= EARLIEST_WALL_MS && now.wallMs >= EARLIEST_WALL_MS;
  const awayMs = now.wallMs - mark.wallMs;
  if (!sensible) {
    return {
      ageMs: mark.ageMs + now.continuousMs,
      warning: 'the wall clock was or is not set; of the time since the last boot only what this boot counted is known',
    };
  }
  if (awayMs < now.continuousMs - STEP_MS) {
    const behind = formatDuration(now.continuousMs - awayMs);
    return { ageMs: mark.ageMs + now.continuousMs, warning: `the wall clock went back by at least ${behind}` };
  }
  return { ageMs: mark.ageMs + Math.max(awayMs, now.continuousMs) };
}

/** How far the wall clock stepped against the continuous one between two readings of one boot, when that is remarkable. */
export function wallStepMs(before: ClockReading, now: ClockReading): number | undefined {
  const stepMs = now.wallMs - before.wallMs - (now.continuousMs - before.continuousMs);
  return Math.abs(stepMs) > STEP_MS ? stepMs : undefined;
}
