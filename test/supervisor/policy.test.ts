import { describe, expect, test } from 'bun:test';
import type { Event, Phase, Policy } from '../../src/supervisor/policy-types.ts';
import { at, HOUR, MINUTE, NEW, POLICY, play, SERVING, tasks } from './policy-support.ts';

type Row = readonly [title: string, events: readonly Event[], phase: Phase, effects: readonly string[], rule?: string];

const D = 24 * HOUR;
const C = 26 * HOUR;
const restarting: Policy = { ...POLICY, onExit: 'restart' };

function check(policy: Policy, [, events, phase, effects, rule]: Row) {
  const played = play(events, policy);
  const told = played.effects.map((effect) =>
    effect.tag === 'shut-down' ? `shut-down ${effect.urgent ? 'urgent' : 'orderly'}` : effect.tag,
  );
  expect([played.state.phase, told, played.records.map((record) => record.rule)]).toEqual([
    phase,
    [...effects],
    rule === undefined ? [] : [rule],
  ]);
}

const busy = (ageMs: number): Event[] => [...SERVING, at.reports(ageMs, 1)];
const draining = [...busy(HOUR), at.timer(D)];

describe('each rule, in virtual time', () => {
  const table: readonly Row[] = [
    ['start: a worker is started', [at.started(0)], 'starting', ['start-worker'], 'start'],
    ['first serving', [at.started(0), at.registered(5)], 'serving', [], 'serving'],
    ['a report alone decides nothing', [...SERVING, at.reports(1, 2)], 'serving', []],
    ['A01 a second before the idle check', [...SERVING, at.timer(D - 1_000)], 'serving', []],
    [
      'A01 idle check, idle',
      [...SERVING, at.timer(D)],
      'stopping',
      ['pause-worker', 'shut-down orderly'],
      'idle-check',
    ],
    ['A07 idle check, busy: intake closes', draining, 'draining', ['pause-worker'], 'drain'],
    [
      'A07 the task ends',
      [...draining, at.reports(D + 37 * MINUTE, 0)],
      'stopping',
      ['pause-worker', 'shut-down orderly'],
      'drain',
    ],
    ['drain poll: not yet', [...draining, at.timer(D + MINUTE - 1)], 'draining', []],
    ['drain poll: looks again', [...draining, at.timer(D + MINUTE)], 'draining', ['look'], 'drain'],
    ['A08 hard cap', [...draining, at.timer(C)], 'stopping', ['pause-worker', 'shut-down urgent'], 'hard-cap'],
    [
      'A09 a new task moves no cap',
      [...draining, at.reports(D + HOUR, 2), at.timer(C)],
      'stopping',
      ['pause-worker', 'shut-down urgent'],
      'hard-cap',
    ],
    [
      'A10 the cap counts from the idle check, not from when it was noticed',
      [...busy(HOUR), at.timer(D + HOUR), at.timer(C - 1)],
      'draining',
      ['look'],
      'drain',
    ],
    [
      'A40 lifetime, busy',
      [...busy(HOUR), at.timer(48 * HOUR)],
      'stopping',
      ['pause-worker', 'shut-down urgent'],
      'lifetime',
    ],
    [
      'A41 lifetime before a late idle check',
      [at.started(0), at.registered(30 * HOUR), at.timer(48 * HOUR)],
      'stopping',
      ['pause-worker', 'shut-down urgent'],
      'lifetime',
    ],
    [
      'A39 never served: lifetime',
      [at.started(0), at.timer(48 * HOUR)],
      'stopping',
      ['pause-worker', 'shut-down urgent'],
      'lifetime',
    ],
    ['A39 never served: nothing before', [at.started(0), at.timer(48 * HOUR - 1)], 'starting', []],
    ['A12 worker dies, idle', [...SERVING, at.exits(3 * HOUR)], 'stopping', ['shut-down orderly'], 'worker-death'],
    ['A13 worker dies, a task lives on', [...SERVING, at.exits(3 * HOUR, 1)], 'draining', [], 'worker-death'],
    [
      'A13 its task ends',
      [...SERVING, at.exits(3 * HOUR, 1), at.looked(4 * HOUR, 0)],
      'stopping',
      ['shut-down orderly'],
      'worker-death',
    ],
    [
      'A13 its task never ends',
      [...SERVING, at.exits(3 * HOUR, 1), at.timer(5 * HOUR)],
      'stopping',
      ['shut-down urgent'],
      'hard-cap',
    ],
    [
      'dies while draining: as told by the drain',
      [...draining, at.exits(D + 1)],
      'stopping',
      ['shut-down orderly'],
      'drain',
    ],
    ['unusable: no worker, nothing ends yet', [at.started(0), at.exits(1, 0, 78)], 'starting', [], 'unusable-worker'],
    [
      'unusable: ends after the hard cap',
      [at.started(0), at.exits(1, 0, 69), at.timer(2 * HOUR + 1)],
      'stopping',
      ['shut-down urgent'],
      'hard-cap',
    ],
    [
      '78 after the first serving is a death',
      [...SERVING, at.exits(HOUR, 0, 78)],
      'stopping',
      ['shut-down orderly'],
      'worker-death',
    ],
    [
      'another code before the first serving is a death',
      [at.started(0), at.exits(1, 0, 70)],
      'stopping',
      ['shut-down orderly'],
      'worker-death',
    ],
    ['hung worker, idle', [...SERVING, at.timer(HOUR, 10 * MINUTE)], 'stopping', ['shut-down orderly'], 'hung-worker'],
    [
      'hung worker, busy',
      [...busy(HOUR), at.timer(2 * HOUR, 10 * MINUTE)],
      'draining',
      ['pause-worker'],
      'hung-worker',
    ],
    ['a quiet worker is not hung', [...SERVING, at.timer(HOUR, 10 * MINUTE - 1)], 'serving', []],
    ['low disk, idle', [...SERVING, at.disk(HOUR, 2 ** 30)], 'stopping', ['pause-worker', 'shut-down orderly'], 'disk'],
    ['low disk, busy', [...busy(HOUR), at.disk(HOUR, 2 ** 30)], 'serving', []],
    [
      'low disk, then idle',
      [...busy(HOUR), at.disk(HOUR, 0), at.reports(HOUR, 0)],
      'stopping',
      ['pause-worker', 'shut-down orderly'],
      'disk',
    ],
    ['disk just enough', [...SERVING, at.disk(HOUR, 5 * 2 ** 30)], 'serving', []],
    [
      'a ladder in good order is hurried by the cap',
      [...SERVING, at.timer(D), at.timer(C)],
      'stopping',
      ['hurry'],
      'hard-cap',
    ],
    ['hurried once', [...SERVING, at.timer(D), at.timer(C), at.timer(48 * HOUR)], 'stopping', []],
    ['rung accepted', [...SERVING, at.timer(D), at.rung(D, 'issued'), at.rung(D, 'accepted')], 'halted', [], 'ladder'],
    [
      'A38 and nothing happened',
      [...SERVING, at.timer(D), at.rung(D, 'accepted'), at.rung(D, 'no-effect')],
      'stopping',
      [],
      'ladder',
    ],
    ['the worker that the ladder stopped is no death', [...SERVING, at.timer(D), at.exits(D + 1)], 'stopping', []],
    ['no second shutdown', [...SERVING, at.timer(D), at.reports(D + 1, 0), at.disk(D + 2, 0)], 'stopping', []],
  ];
  test.each(table.map((row) => [row[0], row] as const))('%s', (_title, row) => check(POLICY, row));
});

describe('a worker that may be started again', () => {
  const died = [...SERVING, at.exits(HOUR)];
  const again = (ageMs: number) => [at.timer(ageMs), at.registered(ageMs)];
  const thrice = [0, 1, 2].flatMap((index) => [
    at.exits(HOUR + index * MINUTE),
    ...again(HOUR + index * MINUTE + 30_000),
  ]);
  const table: readonly Row[] = [
    ['waits a little', died, 'serving', [], 'worker-death'],
    ['not before its time', [...died, at.timer(HOUR + 999)], 'serving', []],
    ['then starts', [...died, at.timer(HOUR + 1_000)], 'serving', ['start-worker'], 'worker-death'],
    [
      'A14 the fourth death in an hour ends it',
      [...SERVING, ...thrice, at.exits(HOUR + 59 * MINUTE)],
      'stopping',
      ['shut-down orderly'],
      'worker-death',
    ],
    [
      'A14 after the window it may again',
      [...SERVING, ...thrice, at.exits(2 * HOUR + 3 * MINUTE)],
      'serving',
      [],
      'worker-death',
    ],
    [
      'the idle check does not wait for it',
      [...SERVING, at.exits(D - 500), at.timer(D)],
      'stopping',
      ['shut-down orderly'],
      'idle-check',
    ],
  ];
  test.each(table.map((row) => [row[0], row] as const))('%s', (_title, row) => check(restarting, row));

  test('the second restart waits twice as long', () => {
    const second = play([...died, ...again(HOUR + 1_000), at.exits(HOUR + MINUTE)], restarting);
    expect(second.state.worker).toEqual({ tag: 'waiting', dueAgeMs: HOUR + MINUTE + 2_000 });
  });
});

describe('a restarted supervisor', () => {
  const served = { ...NEW, servedAgeMs: 0 };
  const drain = { rule: 'drain', why: 'busy', sinceAgeMs: D } as const;
  test.each([
    ['A25 goes on', served, 10 * HOUR, 'starting', ['start-worker']],
    [
      'A26 drained: nothing runs any more',
      { ...served, phase: 'draining', ending: drain },
      D + HOUR / 2,
      'stopping',
      ['shut-down'],
    ],
    ['A27 overdue', served, C + 3 * HOUR, 'stopping', ['shut-down']],
    ['the ladder goes on', { ...served, phase: 'stopping' }, 2 * HOUR, 'stopping', ['shut-down']],
    ['and hurries when late', { ...served, phase: 'stopping' }, C, 'stopping', ['shut-down', 'hurry']],
  ] as const)('%s', (_title, state, ageMs, phase, effects) => {
    const played = play([at.started(ageMs)], POLICY, state);
    expect([played.state.phase, played.effects.map(({ tag }) => tag)]).toEqual([phase, [...effects]]);
  });

  test('T0 stays where it was, and serving is serving again', () => {
    const { state } = play([at.started(HOUR), at.registered(HOUR)], POLICY, { ...NEW, servedAgeMs: 5 });
    expect([state.servedAgeMs, state.phase]).toEqual([5, 'serving']);
  });

  test('an unusable worker that serves after all lifts its own end, nothing else', () => {
    const unusable = { rule: 'unusable-worker', why: 'no token', sinceAgeMs: 0 } as const;
    const { state } = play([at.started(HOUR), at.registered(HOUR), at.timer(3 * HOUR)], POLICY, { ...NEW, unusable });
    expect([state.unusable, state.phase, state.servedAgeMs]).toEqual([null, 'serving', HOUR]);
  });
});

test('what a dead worker reported late is not believed', () => {
  const hung = play([...SERVING, at.reports(HOUR, 1), at.timer(2 * HOUR, HOUR)]).state;
  const late = play([at.reports(3 * HOUR, 0), at.registered(3 * HOUR)], POLICY, hung).state;
  expect([late.phase, late.running]).toEqual(['draining', tasks(1)]);
});

test('the record says rule, phases, event and age', () => {
  expect(play([...SERVING, at.timer(D)]).records).toEqual([
    {
      rule: 'idle-check',
      from: 'serving',
      to: 'stopping',
      event: 'timer',
      ageMs: D,
      reason: 'the idle check came and nothing runs',
    },
  ]);
});
