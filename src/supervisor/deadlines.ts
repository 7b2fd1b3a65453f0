import type { Limits, Policy, State } from './policy-types.ts';

export interface Deadline {
  readonly rule: 'lifetime' | 'idle-check' | 'hard-cap';
  readonly dueAgeMs: number;
}

function idleDueMs(state: State, limits: Limits): number | null {
  return state.servedAgeMs === null ? null : state.servedAgeMs + limits.idleAfterMs;
}

function hardCapDueMs(state: State, limits: Limits): number | null {
  const since = [idleDueMs(state, limits), state.ending?.sinceAgeMs, state.unusable?.sinceAgeMs];
  const known = since.filter((ageMs): ageMs is number => typeof ageMs === 'number');
  return known.length === 0 ? null : Math.min(...known) + limits.hardCapMs;
}

/** The deadlines that are known at present, as ages; a machine is shut down at the first of them that holds. */
export function deadlinesOf(state: State, limits: Limits): Deadline[] {
  const [idle, cap] = [idleDueMs(state, limits), hardCapDueMs(state, limits)];
  return [
    { rule: 'lifetime', dueAgeMs: limits.lifetimeMs },
    ...(idle === null ? [] : [{ rule: 'idle-check', dueAgeMs: idle } as const]),
    ...(cap === null ? [] : [{ rule: 'hard-cap', dueAgeMs: cap } as const]),
  ];
}

/** The deadline that ends the machine now, whatever runs; undefined when none has come. */
export function forcedBy(state: State, ageMs: number, limits: Limits): Deadline | undefined {
  return deadlinesOf(state, limits).find(({ rule, dueAgeMs }) => rule !== 'idle-check' && ageMs >= dueAgeMs);
}

/** The idle check, once it has come. */
export function idleCheckDue(state: State, ageMs: number, limits: Limits): Deadline | undefined {
  return deadlinesOf(state, limits).find(({ rule, dueAgeMs }) => rule === 'idle-check' && ageMs >= dueAgeMs);
}

/** The age at which `decide` wants to be asked again although nothing happened; infinite when never. */
export function nextWakeAgeMs(state: State, policy: Policy): number {
  const deadlines = deadlinesOf(state, policy);
  const forced = deadlines.filter(({ rule }) => rule !== 'idle-check').map(({ dueAgeMs }) => dueAgeMs);
  if (state.phase === 'stopping' || state.phase === 'halted') {
    return state.urgent ? Number.POSITIVE_INFINITY : Math.min(...forced);
  }
  const restart = state.worker.tag === 'waiting' ? [state.worker.dueAgeMs] : [];
  if (state.phase === 'draining') return Math.min(...forced, state.lookedAgeMs + policy.drainPollMs, ...restart);
  return Math.min(...deadlines.map(({ dueAgeMs }) => dueAgeMs), ...restart);
}
