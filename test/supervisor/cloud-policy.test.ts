import { describe, expect, test } from 'bun:test';
import { deadlinesOf } from '../../src/supervisor/deadlines.ts';
import type { Event, Phase, Policy, State } from '../../src/supervisor/policy-types.ts';
import { statusExitCode } from '../../src/supervisor/status-report.ts';
import { at, HOUR, MINUTE, NEW, POLICY, play, SERVING } from './policy-support.ts';

type Row = readonly [title: string, events: readonly Event[], phase: Phase, effects: readonly string[], rule?: string];

const D = 24 * HOUR;
const READY = [...SERVING, at.tag(0, 'true')];
const busy = [...READY, at.reports(HOUR, 1)];
const off = (ageMs: number, value: string | null = 'false') => [at.tag(ageMs, value), at.tag(ageMs + 10_000, value)];
const withdrawn = [...READY, ...off(5 * HOUR)];
const lost = [...READY, at.fails(HOUR, 15_000), at.fails(HOUR + 20_000, 35_000)];

function check([, events, phase, effects, rule]: Row, policy: Policy = POLICY, from: State = NEW) {
  const played = play(events, policy, from);
  const told: unknown = [
    played.state.phase,
    played.effects.map(({ tag }) => tag),
    played.records.map((one) => one.rule),
  ];
  expect(told).toEqual([phase, [...effects], rule === undefined ? [] : [rule]]);
}

const down = ['pause-worker', 'shut-down'];

describe('the ready tag', () => {
  const table: readonly Row[] = [
    ['one look is no look', [...busy, at.tag(5 * HOUR, 'false')], 'serving', []],
    [
      'a second look too soon is none',
      [...busy, at.tag(5 * HOUR, null), at.tag(5 * HOUR + 5_000, null)],
      'serving',
      [],
    ],
    [
      'A16 read twice: no new tasks, what runs goes on',
      [...busy, ...off(5 * HOUR)],
      'withdrawn',
      ['pause-worker'],
      'withdrawn',
    ],
    ['A17 absent is the same', [...busy, ...off(5 * HOUR, null)], 'withdrawn', ['pause-worker'], 'withdrawn'],
    [
      'T15 strange bytes are not "true"',
      [...busy, ...off(5 * HOUR, 'true\u0000')],
      'withdrawn',
      ['pause-worker'],
      'withdrawn',
    ],
    [
      'A20 a failure between does no harm',
      [...busy, at.fails(HOUR, 10_000), at.tag(HOUR + 10_000, 'true')],
      'serving',
      [],
    ],
    ['A18 no idle check, no hard cap while withdrawn', [...withdrawn, at.timer(D + 3 * HOUR)], 'withdrawn', []],
    ['A18 the lifetime stays', [...withdrawn, at.timer(48 * HOUR)], 'stopping', down, 'lifetime'],
    ['A19 back again: serves', [...withdrawn, at.tag(10 * HOUR, 'true')], 'serving', ['resume-worker'], 'returned'],
    [
      'back again too late: what is overdue applies at once',
      [...withdrawn, at.tag(25 * HOUR, 'true')],
      'stopping',
      down,
      'idle-check',
    ],
    ['a full disk ends no withdrawn machine', [...withdrawn, at.disk(6 * HOUR, 0)], 'withdrawn', []],
    ['a worker that dies does', [...withdrawn, at.exits(6 * HOUR)], 'stopping', ['shut-down'], 'worker-death'],
    [
      'a worker that comes up withdrawn is paused',
      [at.started(0), ...off(0), at.registered(MINUTE)],
      'withdrawn',
      ['pause-worker'],
      'withdrawn',
    ],
  ];
  test.each(table.map((row) => [row[0], row] as const))('%s', (_title, row) => check(row));

  test('A19 D does not move', () => {
    const { state } = play([...withdrawn, at.tag(10 * HOUR, 'true')]);
    expect(deadlinesOf(state, POLICY)).toContainEqual({ rule: 'idle-check', dueAgeMs: D, suspended: false });
  });

  test('the status says what is suspended, and 2', () => {
    const { state } = play(withdrawn);
    expect(deadlinesOf(state, POLICY).map(({ rule, suspended }) => [rule, suspended])).toEqual([
      ['lifetime', false],
      ['idle-check', true],
      ['hard-cap', true],
    ]);
    expect(statusExitCode(state)).toBe(2);
  });

  test('a supervisor that starts withdrawn starts no worker until the tag is back', () => {
    const from: State = { ...NEW, phase: 'withdrawn' };
    check(['', [at.started(HOUR)], 'withdrawn', [], 'withdrawn'], POLICY, from);
    check(['', [at.started(HOUR), at.tag(2 * HOUR, 'true')], 'starting', ['start-worker'], 'returned'], POLICY, from);
  });

  test('a command worker serves from the moment when the tag was read as ready', () => {
    const policy = { ...POLICY, servesWhenReady: true };
    const up = play([at.started(0), at.registered(1)], policy);
    expect([up.state.phase, up.state.servedAgeMs]).toEqual(['starting', null]);
    const ready = play([at.tag(5_000, 'true')], policy, up.state);
    expect([ready.state.phase, ready.state.servedAgeMs]).toEqual(['serving', 5_000]);
  });
});

describe('a metadata service that is lost', () => {
  const table: readonly Row[] = [
    ['A20 one failure is nothing', [...READY, at.fails(HOUR, 60_000)], 'serving', []],
    [
      'A21 two failures in a short time are nothing',
      [...READY, at.fails(HOUR, 1), at.fails(HOUR, 29_999)],
      'serving',
      [],
    ],
    ['A21 lost: no new tasks', lost, 'serving', ['pause-worker'], 'metadata-lost'],
    ['lost once', [...lost, at.fails(2 * HOUR, HOUR)], 'serving', []],
    ['A21 answers again: goes on', [...lost, at.tag(2 * HOUR, 'true')], 'serving', ['resume-worker'], 'metadata-lost'],
    ['A22 every deadline stays', [...lost, at.timer(D)], 'stopping', down, 'idle-check'],
    [
      'lost and withdrawn: the answer alone does not resume',
      [...withdrawn, at.fails(6 * HOUR, 1), at.fails(6 * HOUR, MINUTE), at.tag(7 * HOUR, 'false')],
      'withdrawn',
      [],
      'metadata-lost',
    ],
  ];
  test.each(table.map((row) => [row[0], row] as const))('%s', (_title, row) => check(row));

  test('the status is 3', () => {
    expect([statusExitCode(play(READY).state), statusExitCode(play(lost).state)]).toEqual([0, 3]);
  });
});

describe('notices, operators, used up', () => {
  const drained = [...busy, at.operator(2 * HOUR, 'drain')];
  const table: readonly Row[] = [
    ['a notice drains', [...busy, at.notice(2 * HOUR, 10 * HOUR)], 'draining', ['pause-worker'], 'notice'],
    ['nothing runs: it ends', [...READY, at.notice(2 * HOUR, 10 * HOUR)], 'stopping', down, 'notice'],
    [
      'five minutes before its time at the latest',
      [...busy, at.notice(2 * HOUR, 10 * HOUR), at.timer(12 * HOUR - 5 * MINUTE)],
      'stopping',
      down,
      'notice',
    ],
    [
      'not earlier, hard cap or not',
      [...busy, at.notice(2 * HOUR, 10 * HOUR), at.timer(12 * HOUR - 5 * MINUTE - 1)],
      'draining',
      ['look'],
      'drain',
    ],
    [
      'a notice without a time only drains',
      [...busy, at.notice(2 * HOUR, null), at.timer(23 * HOUR)],
      'draining',
      ['look'],
      'drain',
    ],
    [
      'a later notice gives no time back',
      [...busy, at.notice(2 * HOUR, HOUR), at.notice(2 * HOUR, 9 * HOUR), at.timer(3 * HOUR)],
      'stopping',
      down,
      'notice',
    ],
    ['a withdrawn machine ends all the same', [...withdrawn, at.notice(6 * HOUR, HOUR)], 'stopping', down, 'notice'],
    ['operator: drain', drained, 'draining', ['pause-worker'], 'operator'],
    ['operator: drain when idle', [...READY, at.operator(HOUR, 'drain')], 'stopping', down, 'operator'],
    ['operator: resume', [...drained, at.operator(3 * HOUR, 'resume')], 'serving', ['resume-worker'], 'operator'],
    [
      'operator: resume lifts no idle check',
      [...drained, at.timer(3 * HOUR), at.operator(3 * HOUR, 'resume'), at.timer(D)],
      'draining',
      ['pause-worker'],
      'drain',
    ],
    [
      'operator: resume lifts nothing else',
      [...busy, at.timer(D), at.operator(D + 1, 'resume')],
      'draining',
      [],
      'operator',
    ],
    ['operator: a drain has the hard cap', [...drained, at.timer(4 * HOUR)], 'stopping', down, 'hard-cap'],
    ['operator: shutdown, whatever runs', [...busy, at.operator(2 * HOUR, 'shutdown')], 'stopping', down, 'operator'],
    [
      'operator: nothing to be done to a machine that ends',
      [...READY, at.timer(D), at.operator(D, 'resume')],
      'stopping',
      [],
      'operator',
    ],
    ['unusable set-up on an armed machine: no worker', [at.unusable(0)], 'starting', [], 'unusable-worker'],
    [
      'unusable set-up: ends after the hard cap',
      [at.unusable(0), at.timer(2 * HOUR)],
      'stopping',
      ['shut-down'],
      'hard-cap',
    ],
  ];
  test.each(table.map((row) => [row[0], row] as const))('%s', (_title, row) => check(row));

  const three = { ...POLICY, maxTasks: 3 };
  const dirty = { ...POLICY, onDirty: 'drain' } as const;
  test.each([
    ['two tasks have ended', three, [...READY, at.reports(1, 2), at.reports(2, 0)], 'serving', [], undefined],
    ['three have: it ends', three, [...READY, at.reports(1, 3), at.reports(2, 0)], 'stopping', down, 'used-up'],
    [
      'one still runs: it drains',
      three,
      [...READY, at.reports(1, 1), at.ended(2, 3)],
      'draining',
      ['pause-worker'],
      'used-up',
    ],
    ['withdrawn: that waits', three, [...withdrawn, at.ended(6 * HOUR, 3)], 'withdrawn', [], undefined],
    ['dirty, only reported', POLICY, [...busy, at.audited(2 * HOUR, 'dirty')], 'serving', [], undefined],
    ['dirty', dirty, [...busy, at.audited(2 * HOUR, 'dirty')], 'draining', ['pause-worker'], 'used-up'],
    ['cleaned', dirty, [...busy, at.audited(2 * HOUR, 'cleaned')], 'serving', [], undefined],
  ] as const)('used up: %s', (title, policy, events, phase, effects, rule) => {
    check([title, events, phase, effects, rule] as Row, policy);
  });
});

describe('where time is only an age', () => {
  const served = (servedAgeMs: number, jitterMs = 0) => ({ ...POLICY, idleAfterMs: D + jitterMs, servedAgeMs });
  test.each([
    ['A02 J = -4 h', -4 * HOUR, 20 * HOUR],
    ['A02 J = +4 h', 4 * HOUR, 28 * HOUR],
    // No rule sees a calendar, a time zone or a wall clock: only the distance from T0 counts.
    ['A04 T0 at 23:50', 0, D],
    ['A05 T0 before the end of a month, a year, a leap day', 0, D],
    ['A06 a change to summer time within the life', 0, D],
  ] as const)('%s', (_title, jitterMs, dueAfterMs) => {
    for (const t0 of [MINUTE, 7 * HOUR + 50 * MINUTE]) {
      const policy = served(t0, jitterMs);
      const events = [at.started(0), at.registered(t0)];
      expect(play([...events, at.timer(t0 + dueAfterMs - 1)], policy).state.phase).toBe('serving');
      expect(play([...events, at.timer(t0 + dueAfterMs)], policy).state.phase).toBe('stopping');
    }
  });

  test('A42 the supervisor itself enforces B + 48 h, whatever became of the timer of the boot', () => {
    expect(
      play([...SERVING, at.reports(1, 1), at.timer(48 * HOUR)], { ...POLICY, idleAfterMs: 90 * HOUR }).records,
    ).toMatchObject([{ rule: 'lifetime', to: 'stopping' }]);
  });

  test('T12 no tag keeps a machine up: the lifetime asks none', () => {
    for (const value of ['true', 'false', null]) {
      expect(play([...SERVING, ...off(HOUR, value), at.timer(48 * HOUR)]).state.phase).toBe('stopping');
    }
  });

  test('T13 a restart at any age goes on with the same deadlines', () => {
    for (const ageMs of [HOUR, 12 * HOUR, 23 * HOUR]) {
      const from = { ...NEW, servedAgeMs: 0 };
      const { state } = play([at.started(ageMs), at.registered(ageMs + 1)], POLICY, from);
      expect(deadlinesOf(state, POLICY).map(({ dueAgeMs }) => dueAgeMs / HOUR)).toEqual([48, 24, 26]);
    }
  });

  test('T16 whoever uses the machine for something else has it for a short life', () => {
    const endless = Array.from({ length: 26 }, (_, hour) => [at.reports(hour * HOUR, 1), at.timer(hour * HOUR)]).flat();
    expect(play([at.started(0), at.registered(0), ...endless, at.timer(26 * HOUR)]).state.phase).toBe('stopping');
  });
});
