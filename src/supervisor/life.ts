import { type ClockReading, reckonAge } from './age.ts';
import { jitterOf } from './jitter.ts';
import type { JournalEntry, Loaded } from './journal.ts';
import type { Limits, State } from './policy-types.ts';

/** What the configuration says about a life. */
export interface LifeSettings {
  readonly lifetimeMs: number;
  readonly idleCheckMs: number;
  readonly jitterMs: number;
  readonly hardCapMs: number;
  readonly from: 'start' | 'boot';
}

export interface Life {
  readonly lifeId: string;
  /** Age at the moment of the clock reading. */
  readonly ageMs: number;
  readonly limits: Limits;
  readonly state: State;
  /** Processes that a predecessor of this boot left. */
  readonly leftovers: JournalEntry['processes'];
  readonly warnings: readonly string[];
}

const NEW_STATE: State = {
  phase: 'starting',
  reason: 'no worker has registered yet',
  servedAgeMs: null,
  ending: null,
  unusable: null,
  worker: { tag: 'none' },
  restartAgesMs: [],
  running: [],
  intake: 'paused',
  trouble: null,
  lowDisk: false,
  lookedAgeMs: 0,
  urgent: false,
  ladder: { attempts: 0, lastStep: null, lastError: null, fruitless: false },
};

function limitsOf(settings: LifeSettings, jitterMs: number): Limits {
  const { lifetimeMs, idleCheckMs, hardCapMs } = settings;
  return { lifetimeMs, idleAfterMs: idleCheckMs + jitterMs, hardCapMs };
}

function newLife(settings: LifeSettings, now: ClockReading, newId: () => string): Life {
  const lifeId = newId();
  const ageMs = settings.from === 'boot' ? now.continuousMs : 0;
  const limits = limitsOf(settings, jitterOf(lifeId, settings.jitterMs));
  return { lifeId, ageMs, limits, state: NEW_STATE, leftovers: [], warnings: [] };
}

/** The earliest beginning that any source can still tell is the boot; the idle check takes its earliest moment from it. */
function pessimisticLife(settings: LifeSettings, now: ClockReading, newId: () => string, why: string): Life {
  const limits = limitsOf(settings, -settings.jitterMs);
  const warning = `the journal cannot be used: ${why}; the age counts from the boot, and the idle check comes as early as it may`;
  const state = { ...NEW_STATE, servedAgeMs: 0 };
  return { lifeId: newId(), ageMs: now.continuousMs, limits, state, leftovers: [], warnings: [warning] };
}

function phaseOf(entry: JournalEntry): Pick<State, 'phase' | 'reason'> {
  if (entry.stopping !== null) return { phase: 'stopping', reason: entry.stopping };
  if (entry.ending !== null) return { phase: 'draining', reason: entry.ending.why };
  return { phase: 'starting', reason: NEW_STATE.reason };
}

function sameLife(entry: JournalEntry, settings: LifeSettings, now: ClockReading): Life {
  const { ageMs, warning } = reckonAge(entry.mark, now);
  const wanted = limitsOf(settings, jitterOf(entry.lifeId, settings.jitterMs));
  const limits = {
    lifetimeMs: Math.min(wanted.lifetimeMs, entry.limits.lifetimeMs),
    idleAfterMs: Math.min(wanted.idleAfterMs, entry.limits.idleAfterMs),
    hardCapMs: Math.min(wanted.hardCapMs, entry.limits.hardCapMs),
  };
  const later = (['lifetimeMs', 'idleAfterMs', 'hardCapMs'] as const).some((name) => limits[name] < wanted[name]);
  const kept = 'the configuration asks for later deadlines; this life keeps its own, since they never move later';
  const { servedAgeMs, ending, unusable, restartAgesMs, attempts } = entry;
  const ladder = { ...NEW_STATE.ladder, attempts };
  return {
    lifeId: entry.lifeId,
    ageMs: settings.from === 'boot' ? Math.max(ageMs, now.continuousMs) : ageMs,
    limits,
    state: { ...NEW_STATE, ...phaseOf(entry), servedAgeMs, ending, unusable, restartAgesMs, ladder },
    leftovers: now.bootId !== '' && entry.mark.bootId === now.bootId ? entry.processes : [],
    warnings: [...(warning === undefined ? [] : [warning]), ...(later ? [kept] : [])],
  };
}

/**
 * Where a starting supervisor stands: the same life goes on over restarts and reboots; a boot after the machine was
 * told to power off begins a new one, since nothing but this supervisor says which instance this is. `newId` makes a
 * random name for a new life.
 */
export function beginLife(loaded: Loaded, settings: LifeSettings, now: ClockReading, newId: () => string): Life {
  if (loaded.tag === 'absent') return newLife(settings, now, newId);
  if (loaded.tag === 'spoiled') return pessimisticLife(settings, now, newId, loaded.why);
  const otherBoot = now.bootId !== '' && loaded.entry.mark.bootId !== now.bootId;
  if (otherBoot && loaded.entry.attempts > 0) return newLife(settings, now, newId);
  return sameLife(loaded.entry, settings, now);
}
