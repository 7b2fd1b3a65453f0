import { formatDuration } from '../lib/duration.ts';
import { jitterOf } from './jitter.ts';
import { type Life, type LifeSettings, limitsOf } from './life.ts';
import { NEW_STATE } from './new-state.ts';
import type { Limits, State } from './policy-types.ts';

/** What the metadata service said at one moment. All times are by its own clock, which may be off as a whole. */
export interface Launch {
  readonly instanceId: string;
  readonly launchedAtMs: number;
  readonly nowMs: number;
  /** Of the tag that the pool's controller sets when it replaced the root volume; null without one. */
  readonly lifeBeganMs: number | null;
}

/** Where a life stands while the supervisor runs. */
export type Standing = Pick<
  Life,
  | 'lifeId'
  | 'instanceId'
  | 'origin'
  | 'journal'
  | 'afterLaunchMs'
  | 'settledNone'
  | 'uncertain'
  | 'ageMs'
  | 'certainAgeMs'
  | 'limits'
  | 'state'
>;

export interface Settled {
  readonly standing: Standing;
  /** By how much every age of before is larger now: the life began so much earlier than was thought. */
  readonly shiftMs: number;
  /** The journal belongs to another instance. */
  readonly otherInstance: boolean;
  readonly warnings: readonly string[];
}

/** Service and machine may differ by this much without anybody lying. */
const SENSE_MS = 10 * 60_000;

/** Every age of the state, moved: the same moments, counted from another beginning. */
export function shiftAges(state: State, byMs: number): State {
  const moved = <Value extends number | null>(ageMs: Value) => (ageMs === null ? ageMs : ageMs + byMs) as Value;
  const ending = (some: State['ending']) => some && { ...some, sinceAgeMs: some.sinceAgeMs + byMs };
  const { worker, ready, notice } = state;
  return {
    ...state,
    servedAgeMs: moved(state.servedAgeMs),
    ending: ending(state.ending),
    unusable: ending(state.unusable),
    worker: worker.tag === 'waiting' ? { ...worker, dueAgeMs: worker.dueAgeMs + byMs } : worker,
    restartAgesMs: state.restartAgesMs.map((ageMs) => ageMs + byMs),
    ready: ready && { ...ready, sinceAgeMs: ready.sinceAgeMs + byMs },
    notice: notice && { ...notice, dueAgeMs: moved(notice.dueAgeMs) },
    lookedAgeMs: state.lookedAgeMs + byMs,
  };
}

function earliest(one: Limits, other: Limits): Limits {
  return {
    lifetimeMs: Math.min(one.lifetimeMs, other.lifetimeMs),
    idleAfterMs: Math.min(one.idleAfterMs, other.idleAfterMs),
    hardCapMs: Math.min(one.hardCapMs, other.hardCapMs),
  };
}

/**
 * How long after the launch the life began: 0 but for a replaced root volume, which shows as an instance without a
 * journal. A distance, so that it stays right when the service's clock is set.
 */
function afterLaunch(standing: Standing, { instanceId, launchedAtMs, nowMs, lifeBeganMs }: Launch): number {
  const { journal, afterLaunchMs } = standing;
  if (standing.instanceId === instanceId && afterLaunchMs !== null) return afterLaunchMs;
  const sensible = lifeBeganMs !== null && lifeBeganMs >= launchedAtMs && lifeBeganMs <= nowMs + SENSE_MS;
  return journal === 'absent' && sensible ? lifeBeganMs - launchedAtMs : 0;
}

/** The age of a life that is known already: what is certain stays, whatever the service says. */
function sameInstance(standing: Standing, launchAgeMs: number): Settled {
  const { ageMs, certainAgeMs, uncertain } = standing;
  const next = uncertain ? Math.max(certainAgeMs, launchAgeMs) : ageMs;
  const told = `the age is ${formatDuration(next)}, not ${formatDuration(ageMs)} as the wall clock made it`;
  return {
    standing: { ...standing, ageMs: next, certainAgeMs: next, uncertain: false },
    shiftMs: 0,
    otherInstance: false,
    warnings: Math.abs(next - ageMs) > SENSE_MS ? [told] : [],
  };
}

interface Found {
  readonly instanceId: string;
  readonly afterLaunchMs: number;
  readonly launchAgeMs: number;
}

function newInstance(standing: Standing, found: Found, settings: LifeSettings): Settled {
  const { instanceId, afterLaunchMs, launchAgeMs } = found;
  const { worker, running, intake, trouble, lowDisk } = standing.state;
  const serves = worker.tag === 'up';
  const fresh = { ...NEW_STATE, worker, running, intake, trouble, lowDisk };
  const state: State = serves ? { ...fresh, phase: 'serving', servedAgeMs: launchAgeMs } : fresh;
  const limits = limitsOf(settings, jitterOf(instanceId, settings.jitterMs));
  const times = { ageMs: launchAgeMs, certainAgeMs: launchAgeMs, afterLaunchMs, limits, uncertain: false };
  return {
    standing: { ...standing, ...times, lifeId: instanceId, instanceId, origin: 'launch', journal: 'absent', state },
    shiftMs: launchAgeMs - standing.ageMs,
    otherInstance: true,
    warnings: [`the journal is that of ${standing.instanceId}; a new life begins on ${instanceId}`],
  };
}

/** An instance shows where none was known: its launch is the beginning of the life. */
function firstSeen(standing: Standing, found: Found, settings: LifeSettings): Settled {
  const { instanceId, afterLaunchMs, launchAgeMs } = found;
  const provisional = standing.origin === 'boot';
  const ageMs = provisional ? launchAgeMs : Math.max(standing.ageMs, launchAgeMs);
  const shiftMs = ageMs - standing.ageMs;
  const moved = shiftAges(standing.state, shiftMs);
  const lost = standing.journal === 'spoiled';
  const wanted = limitsOf(settings, jitterOf(instanceId, settings.jitterMs));
  const limits = standing.journal === 'found' && !provisional ? earliest(wanted, standing.limits) : wanted;
  return {
    standing: {
      ...standing,
      ...{ lifeId: instanceId, instanceId, origin: 'launch', afterLaunchMs, settledNone: false, uncertain: false },
      ...{ ageMs, certainAgeMs: ageMs, limits },
      state: lost ? { ...moved, servedAgeMs: 0 } : moved,
    },
    shiftMs,
    otherInstance: false,
    warnings: [],
  };
}

/**
 * Brings together where the life stands and what the metadata service says about the instance. Ages are differences of
 * times that the service itself gave, so that a service whose clock is off as a whole does no harm; one that
 * contradicts itself is not believed.
 */
export function settleLaunch(standing: Standing, launch: Launch, settings: LifeSettings): Settled {
  const afterLaunchMs = afterLaunch(standing, launch);
  const launchAgeMs = launch.nowMs - launch.launchedAtMs - afterLaunchMs;
  if (launchAgeMs < -SENSE_MS) {
    const behind = formatDuration(-launchAgeMs);
    const warning = `the metadata service says that the instance is launched in ${behind}; the age stays as it was`;
    return { standing, shiftMs: 0, otherInstance: false, warnings: [warning] };
  }
  const { instanceId } = launch;
  const found = { instanceId, afterLaunchMs, launchAgeMs: Math.max(0, launchAgeMs) };
  if (standing.instanceId === instanceId) return sameInstance(standing, found.launchAgeMs);
  if (standing.instanceId !== null) return newInstance(standing, found, settings);
  return firstSeen(standing, found, settings);
}
