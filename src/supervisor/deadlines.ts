import type { Limits, Policy, State } from './policy-types.ts';

export interface Deadline {
  readonly rule: 'lifetime' | 'idle-check' | 'hard-cap' | 'notice';
  readonly dueAgeMs: number;
  /** It does not act as long as the machine is withdrawn. */
  readonly suspended: boolean;
}

type Terms = Limits & Pick<Policy, 'noticeMarginMs'>;

function idleDueMs(state: State, limits: Limits): number | null {
  return state.servedAgeMs === null ? null : state.servedAgeMs + limits.idleAfterMs;
}

/** A notice has its own end: it is no reason to hurry before. */
function hardCapDueMs(state: State, limits: Limits): number | null {
  const ending = state.ending?.rule === 'notice' ? undefined : state.ending?.sinceAgeMs;
  const since = [idleDueMs(state, limits), ending, state.unusable?.sinceAgeMs];
  const known = since.filter((ageMs): ageMs is number => typeof ageMs === 'number');
  return known.length === 0 ? null : Math.min(...known) + limits.hardCapMs;
}

/** The deadlines that are known at present, as ages; a machine is shut down at the first of them that holds. */
export function deadlinesOf(state: State, terms: Terms): Deadline[] {
  const suspended = state.phase === 'withdrawn';
  const [idle, cap] = [idleDueMs(state, terms), hardCapDueMs(state, terms)];
  const { notice } = state;
  const noticeDueMs = typeof notice?.dueAgeMs === 'number' ? notice.dueAgeMs - terms.noticeMarginMs : null;
  return [
    { rule: 'lifetime', dueAgeMs: terms.lifetimeMs, suspended: false },
    ...(idle === null ? [] : [{ rule: 'idle-check', dueAgeMs: idle, suspended } as const]),
    ...(cap === null ? [] : [{ rule: 'hard-cap', dueAgeMs: cap, suspended } as const]),
    ...(noticeDueMs === null ? [] : [{ rule: 'notice', dueAgeMs: noticeDueMs, suspended: false } as const]),
  ];
}

function come(state: State, ageMs: number, terms: Terms): Deadline[] {
  return deadlinesOf(state, terms).filter(({ dueAgeMs, suspended }) => !suspended && ageMs >= dueAgeMs);
}

/** The deadline that ends the machine now, whatever runs; undefined when none has come. */
export function forcedBy(state: State, ageMs: number, terms: Terms): Deadline | undefined {
  return come(state, ageMs, terms).find(({ rule }) => rule !== 'idle-check');
}

/** The idle check, once it has come. */
export function idleCheckDue(state: State, ageMs: number, terms: Terms): Deadline | undefined {
  return come(state, ageMs, terms).find(({ rule }) => rule === 'idle-check');
}

/** The age at which `decide` wants to be asked again although nothing happened; infinite when never. */
export function nextWakeAgeMs(state: State, policy: Policy): number {
  const deadlines = deadlinesOf(state, policy).filter(({ suspended }) => !suspended);
  const forced = deadlines.filter(({ rule }) => rule !== 'idle-check').map(({ dueAgeMs }) => dueAgeMs);
  if (state.phase === 'stopping' || state.phase === 'halted') {
    return state.urgent ? Number.POSITIVE_INFINITY : Math.min(...forced);
  }
  const restart = state.worker.tag === 'waiting' ? [state.worker.dueAgeMs] : [];
  if (state.phase === 'draining') return Math.min(...forced, state.lookedAgeMs + policy.drainPollMs, ...restart);
  return Math.min(...deadlines.map(({ dueAgeMs }) => dueAgeMs), ...restart);
}
