import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { deadlinesOf, nextWakeAgeMs } from '../../src/supervisor/deadlines.ts';
import { decide } from '../../src/supervisor/policy.ts';
import type { Effect, Event, Policy, State } from '../../src/supervisor/policy-types.ts';
import { at, HOUR, MINUTE, NEW, POLICY } from './policy-support.ts';

/** What can happen at a moment; the age comes from the schedule. */
const happening = fc.oneof(
  { weight: 3, arbitrary: fc.constant((ageMs: number): Event => at.registered(ageMs)) },
  { weight: 6, arbitrary: fc.nat(2).map((count) => (ageMs: number) => at.reports(ageMs, count)) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat(2), fc.constantFrom(null, 0, 69, 70, 78)).map(
      ([left, code]) =>
        (ageMs: number) =>
          at.exits(ageMs, left, code),
    ),
  },
  { weight: 2, arbitrary: fc.nat(2).map((left) => (ageMs: number) => at.looked(ageMs, left)) },
  { weight: 1, arbitrary: fc.constantFrom(0, 2 ** 40).map((free) => (ageMs: number) => at.disk(ageMs, free)) },
  { weight: 1, arbitrary: fc.constantFrom(0, HOUR).map((silent) => (ageMs: number) => at.timer(ageMs, silent)) },
  { weight: 1, arbitrary: fc.constant('restart' as const) },
);

const schedule = fc.array(fc.tuple(fc.nat(6 * HOUR), happening), { maxLength: 40 });
const policies = fc.record({
  idleAfterMs: fc.integer({ min: 20 * HOUR, max: 60 * HOUR }),
  hardCapMs: fc.integer({ min: 0, max: 6 * HOUR }),
  onExit: fc.constantFrom('shutdown' as const, 'restart' as const),
});

/** What a successor would find in the journal. */
function afterCrash(state: State): State {
  const { servedAgeMs, ending, unusable, restartAgesMs, reason } = state;
  const stopping = state.phase === 'stopping' || state.phase === 'halted';
  const phase = stopping ? 'stopping' : ending === null ? 'starting' : 'draining';
  return { ...NEW, phase, reason, servedAgeMs, ending, unusable, restartAgesMs };
}

interface Moment {
  readonly before: State;
  readonly after: State;
  readonly event: Event;
  readonly effects: readonly Effect[];
}

/** Runs a schedule in virtual time: between two happenings the timer fires whenever the policy asked for it. */
function simulate(
  policy: Policy,
  steps: readonly (readonly [number, 'restart' | ((ageMs: number) => Event)])[],
): Moment[] {
  const moments: Moment[] = [];
  let state = NEW;
  let ageMs = 0;
  const take = (event: Event) => {
    const [after, effects] = decide(state, event, policy);
    moments.push({ before: state, after, event, effects });
    state = after;
    for (const effect of effects) if (effect.tag === 'look') take(at.looked(event.ageMs, state.running.length));
  };
  const wakeUntil = (endMs: number) => {
    for (let due = nextWakeAgeMs(state, policy); due <= endMs; due = nextWakeAgeMs(state, policy)) {
      ageMs = Math.max(ageMs, due);
      const before = moments.length;
      take(at.timer(ageMs));
      if (nextWakeAgeMs(state, policy) <= ageMs)
        throw new Error(`asked again at once, after ${moments.length - before}`);
    }
    ageMs = Math.max(ageMs, endMs);
  };
  take(at.started(0));
  for (const [waitMs, what] of steps) {
    wakeUntil(ageMs + waitMs);
    if (what === 'restart') state = afterCrash(state);
    take(what === 'restart' ? at.started(ageMs) : what(ageMs));
  }
  wakeUntil(60 * HOUR);
  return moments;
}

const ordered = ({ effects }: Moment) => effects.some(({ tag }) => tag === 'shut-down');
const runs = { numRuns: 3_000 };
const forAll = (check: (moments: Moment[], policy: Policy) => void) =>
  fc.assert(
    fc.property(policies, schedule, (some, steps) => {
      const policy = { ...POLICY, drainPollMs: 10 * MINUTE, ...some };
      check(simulate(policy, steps), policy);
    }),
    runs,
  );

test('no run outlives the lifetime, and the ladder is urgent by then', () => {
  forAll((moments, policy) => {
    const first = moments.find(ordered);
    expect(first?.event.ageMs).toBeLessThanOrEqual(policy.lifetimeMs);
    const atEnd = moments.findLast(({ event }) => event.ageMs <= policy.lifetimeMs);
    expect(atEnd?.after.urgent).toBe(true);
  });
});

test('deadlines never move later', () => {
  forAll((moments, policy) => {
    const seen = new Map<string, number>();
    for (const { after } of moments) {
      if (after.unusable !== null) continue; // lifted when the worker serves after all
      for (const { rule, dueAgeMs } of deadlinesOf(after, policy)) {
        expect(dueAgeMs).toBeLessThanOrEqual(seen.get(rule) ?? Number.POSITIVE_INFINITY);
        seen.set(rule, dueAgeMs);
      }
    }
  });
});

test('a busy machine is shut down by lifetime or hard cap only', () => {
  forAll((moments) => {
    for (const { after, effects } of moments) {
      const ends = effects.some((effect) => effect.tag === 'shut-down' && !effect.urgent);
      if (ends && after.phase === 'stopping' && after.ladder.attempts === 0) expect(after.running).toEqual([]);
    }
  });
});

test('nothing is taken back: no worker is started on the way down, no phase goes up again', () => {
  const rank = { starting: 0, serving: 0, withdrawn: 0, draining: 1, stopping: 2, halted: 2 };
  forAll((moments) => {
    for (const { before, after, effects } of moments) {
      expect(rank[after.phase]).toBeGreaterThanOrEqual(rank[before.phase]);
      if (rank[after.phase] > 0) expect(effects.map(({ tag }) => tag)).not.toContain('start-worker');
    }
  });
});

test('each decision is told exactly once', () => {
  forAll((moments) => {
    for (const { before, after, event, effects } of moments) {
      const records = effects.filter(({ tag }) => tag === 'record');
      const decided = before.phase !== after.phase || effects.length > 0;
      expect(records).toHaveLength(decided ? 1 : 0);
      expect(records).toMatchObject(
        decided ? [{ record: { from: before.phase, to: after.phase, event: event.tag, ageMs: event.ageMs } }] : [],
      );
    }
  });
});
