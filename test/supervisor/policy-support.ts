import { NEW_STATE } from '../../src/supervisor/new-state.ts';
import { decide } from '../../src/supervisor/policy.ts';
import type { AuditVerdict, Effect, Event, OperatorCommand, Policy, State } from '../../src/supervisor/policy-types.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

/** The defaults of the product with a jitter of 0. */
export const POLICY: Policy = {
  lifetimeMs: 48 * HOUR,
  idleAfterMs: 24 * HOUR,
  hardCapMs: 2 * HOUR,
  drainPollMs: MINUTE,
  onExit: 'shutdown',
  restartLimit: 3,
  restartWindowMs: HOUR,
  staleAfterMs: 10 * MINUTE,
  minFreeBytes: 5 * 2 ** 30,
  maxTasks: 0,
  onDirty: 'report',
  readyPollMs: 10_000,
  lostAfterMs: 30_000,
  noticeMarginMs: 5 * MINUTE,
  servesWhenReady: false,
};

export const NEW: State = { ...NEW_STATE, reason: '' };

export function tasks(count: number): { id: string; startedAt: string }[] {
  return Array.from({ length: count }, (_, index) => ({ id: String(index), startedAt: '2026-01-01T00:00:00Z' }));
}

export const at = {
  started: (ageMs: number): Event => ({ tag: 'started', ageMs }),
  registered: (ageMs: number): Event => ({ tag: 'worker-registered', ageMs }),
  reports: (ageMs: number, running: number, intake: 'open' | 'paused' = 'open'): Event => ({
    tag: 'worker-reported',
    ageMs,
    intake,
    running: tasks(running),
  }),
  exits: (ageMs: number, left = 0, code: number | null = null): Event => ({
    tag: 'worker-exited',
    ageMs,
    code,
    why: 'the worker was killed by SIGKILL',
    left: tasks(left),
  }),
  looked: (ageMs: number, left: number): Event => ({ tag: 'looked', ageMs, left: tasks(left) }),
  timer: (ageMs: number, silentMs: number | null = 0): Event => ({ tag: 'timer', ageMs, silentMs }),
  disk: (ageMs: number, freeBytes: number): Event => ({ tag: 'disk', ageMs, freeBytes }),
  tag: (ageMs: number, value: string | null): Event => ({ tag: 'tag-read', ageMs, value }),
  answered: (ageMs: number): Event => ({ tag: 'metadata-answered', ageMs }),
  fails: (ageMs: number, silentMs: number): Event => ({
    tag: 'metadata-failed',
    ageMs,
    problem: 'no answer within 5s',
    silentMs,
  }),
  notice: (ageMs: number, inMs: number | null): Event => ({ tag: 'notice', ageMs, what: 'instance-retirement', inMs }),
  operator: (ageMs: number, command: OperatorCommand): Event => ({ tag: 'operator', ageMs, command, reason: 'why' }),
  audited: (ageMs: number, verdict: AuditVerdict): Event => ({ tag: 'audited', ageMs, verdict, reasons: ['a mount'] }),
  ended: (ageMs: number, count: number): Event => ({ tag: 'task-ended', ageMs, count }),
  unusable: (ageMs: number): Event => ({ tag: 'set-up-unusable', ageMs, why: 'there is no user ci' }),
  rung: (ageMs: number, outcome: 'issued' | 'accepted' | 'failed' | 'no-effect'): Event => ({
    tag: 'rung',
    ageMs,
    step: 'command',
    outcome,
    error: outcome === 'failed' ? 'ended with code 1' : null,
  }),
};

/** A worker registered at T0 = 0 and idle. */
export const SERVING: readonly Event[] = [at.started(0), at.registered(0), at.reports(0, 0)];

export interface Played {
  readonly state: State;
  /** Effects of the last event, without the record. */
  readonly effects: readonly Effect[];
  readonly records: readonly Extract<Effect, { tag: 'record' }>['record'][];
}

/** Plays events from a state on and returns what the last one brought. */
export function play(events: readonly Event[], policy: Policy = POLICY, from: State = NEW): Played {
  let played: Played = { state: from, effects: [], records: [] };
  for (const event of events) {
    const [state, effects] = decide(played.state, event, policy);
    played = {
      state,
      effects: effects.filter(({ tag }) => tag !== 'record'),
      records: effects.flatMap((effect) => (effect.tag === 'record' ? [effect.record] : [])),
    };
  }
  return played;
}
