import { type ClockReading, reckonAge } from './age.ts';
import { jitterOf } from './jitter.ts';
import type { JournalEntry, Loaded } from './journal.ts';
import { NEW_STATE } from './new-state.ts';
import type { Limits, State } from './policy-types.ts';

/** What the configuration says about a life. */
export interface LifeSettings {
  readonly lifetimeMs: number;
  readonly idleCheckMs: number;
  readonly jitterMs: number;
  readonly hardCapMs: number;
  readonly from: 'start' | 'boot';
}

/** The clocks, and what the configuration says about the metadata service. */
export interface Situation extends ClockReading {
  readonly source: 'none' | 'ec2' | 'auto';
}

/** What the age counts from. Only `launch` is known for certain; `boot` is provisional on an instance of EC2. */
export type Origin = 'start' | 'boot' | 'launch';

export interface Life {
  readonly lifeId: string;
  readonly instanceId: string | null;
  readonly origin: Origin;
  /** What there was of a journal. */
  readonly journal: Loaded['tag'];
  /** How long after the launch of the instance the life began; null until EC2 told. */
  readonly afterLaunchMs: number | null;
  /** The name of the machine as an instance's tag told it; null where none did. */
  readonly named: JournalEntry['named'];
  /** It was found, in this life, that no metadata service answers here. */
  readonly settledNone: boolean;
  /** Nobody but a wall clock told how long the machine was off. */
  readonly uncertain: boolean;
  /** Age at the moment of the clock reading. */
  readonly ageMs: number;
  /** The part of the age that no clock but the continuous one vouches for. */
  readonly certainAgeMs: number;
  readonly limits: Limits;
  readonly state: State;
  /** Processes that a predecessor of this boot left. */
  readonly leftovers: JournalEntry['processes'];
  readonly warnings: readonly string[];
}

export function limitsOf(settings: LifeSettings, jitterMs: number): Limits {
  const { lifetimeMs, idleCheckMs, hardCapMs } = settings;
  return { lifetimeMs, idleAfterMs: idleCheckMs + jitterMs, hardCapMs };
}

function newLife(settings: LifeSettings, now: Situation, journal: Loaded['tag'], newId: () => string): Life {
  const lifeId = newId();
  const origin = now.source === 'ec2' || settings.from === 'boot' ? 'boot' : 'start';
  const ageMs = origin === 'boot' ? now.continuousMs : 0;
  const limits = limitsOf(settings, jitterOf(lifeId, settings.jitterMs));
  const nothing = {
    instanceId: null,
    afterLaunchMs: null,
    named: null,
    settledNone: false,
    uncertain: false,
    leftovers: [],
    warnings: [],
  };
  return { ...nothing, lifeId, origin, journal, ageMs, certainAgeMs: ageMs, limits, state: NEW_STATE };
}

/** The earliest beginning that any source can still tell is the boot; the idle check takes its earliest moment from it. */
function pessimisticLife(settings: LifeSettings, now: Situation, newId: () => string, why: string): Life {
  const warning = `the journal cannot be used: ${why}; the age counts from the boot, and the idle check comes as early as it may`;
  return {
    ...newLife({ ...settings, from: 'boot' }, now, 'spoiled', newId),
    limits: limitsOf(settings, -settings.jitterMs),
    state: { ...NEW_STATE, servedAgeMs: 0 },
    warnings: [warning],
  };
}

function phaseOf(entry: JournalEntry, source: Situation['source']): Pick<State, 'phase' | 'reason'> {
  if (entry.stopping !== null) return { phase: 'stopping', reason: entry.stopping };
  if (entry.ending !== null) return { phase: 'draining', reason: entry.ending.why };
  if (entry.withdrawn && source !== 'none') return { phase: 'withdrawn', reason: 'the machine was withdrawn before' };
  return { phase: 'starting', reason: NEW_STATE.reason };
}

/** What the journal kept of the state. */
function stateOf(entry: JournalEntry, source: Situation['source']): State {
  const { servedAgeMs, ending, unusable, restartAgesMs, attempts, notice, finishedTasks, dirty, urgent } = entry;
  const kept = { servedAgeMs, ending, unusable, restartAgesMs, notice, finishedTasks, dirty, urgent };
  return { ...NEW_STATE, ...phaseOf(entry, source), ...kept, ladder: { ...NEW_STATE.ladder, attempts } };
}

function sameLife(entry: JournalEntry, settings: LifeSettings, now: Situation): Life {
  const { ageMs, warning } = reckonAge(entry.mark, now);
  const wanted = limitsOf(settings, jitterOf(entry.lifeId, settings.jitterMs));
  const limits = {
    lifetimeMs: Math.min(wanted.lifetimeMs, entry.limits.lifetimeMs),
    idleAfterMs: Math.min(wanted.idleAfterMs, entry.limits.idleAfterMs),
    hardCapMs: Math.min(wanted.hardCapMs, entry.limits.hardCapMs),
  };
  const later = (['lifetimeMs', 'idleAfterMs', 'hardCapMs'] as const).some((name) => limits[name] < wanted[name]);
  const kept = 'the configuration asks for later deadlines; this life keeps its own, since they never move later';
  const sameBoot = now.bootId !== '' && entry.mark.bootId === now.bootId;
  const { lifeId, instanceId, origin, afterLaunchMs, named, settledNone } = entry;
  return {
    lifeId,
    instanceId,
    origin,
    afterLaunchMs,
    named,
    settledNone,
    uncertain: !sameBoot || entry.certainAgeMs !== null,
    journal: 'found',
    ageMs: settings.from === 'boot' ? Math.max(ageMs, now.continuousMs) : ageMs,
    certainAgeMs: (entry.certainAgeMs ?? entry.mark.ageMs) + (sameBoot ? ageMs - entry.mark.ageMs : now.continuousMs),
    limits,
    state: stateOf(entry, now.source),
    leftovers: sameBoot ? entry.processes : [],
    warnings: [...(warning === undefined ? [] : [warning]), ...(later ? [kept] : [])],
  };
}

/**
 * Where a starting supervisor stands: the same life goes on over restarts and reboots. Where nothing but this
 * supervisor says which machine this is, a boot after the first rung of the ladder begins a new one; on an instance of
 * EC2 the ladder goes on. `newId` makes a random name for a new life.
 */
export function beginLife(loaded: Loaded, settings: LifeSettings, now: Situation, newId: () => string): Life {
  if (loaded.tag === 'absent') return newLife(settings, now, 'absent', newId);
  if (loaded.tag === 'spoiled') return pessimisticLife(settings, now, newId, loaded.why);
  const { entry } = loaded;
  const otherBoot = now.bootId !== '' && entry.mark.bootId !== now.bootId;
  const knowsInstance = now.source !== 'none' && entry.instanceId !== null;
  if (otherBoot && entry.attempts > 0 && !knowsInstance) return newLife(settings, now, 'absent', newId);
  return sameLife(entry, settings, now);
}

/** What a successor has to know. */
export function journalEntryOf(
  life: Pick<Life, 'lifeId' | 'instanceId' | 'origin' | 'afterLaunchMs' | 'named' | 'settledNone' | 'limits'>,
  certainAgeMs: number | null,
  state: State,
  mark: JournalEntry['mark'],
  processes: JournalEntry['processes'],
): JournalEntry {
  const { lifeId, instanceId, origin, afterLaunchMs, named, settledNone, limits } = life;
  const { servedAgeMs, ending, unusable, restartAgesMs, notice, finishedTasks, dirty, urgent } = state;
  const ended = state.phase === 'stopping' || state.phase === 'halted';
  return {
    lifeId,
    instanceId,
    origin,
    afterLaunchMs,
    named,
    settledNone,
    mark,
    certainAgeMs,
    limits,
    servedAgeMs,
    ending,
    unusable,
    stopping: ended ? state.reason : null,
    withdrawn: state.phase === 'withdrawn',
    notice,
    finishedTasks,
    dirty,
    urgent,
    attempts: state.ladder.attempts,
    restartAgesMs: [...restartAgesMs],
    processes: [...processes],
  };
}
