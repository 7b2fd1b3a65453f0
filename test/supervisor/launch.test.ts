import { expect, test } from 'bun:test';
import { jitterOf } from '../../src/supervisor/jitter.ts';
import { type Standing, settleLaunch } from '../../src/supervisor/launch.ts';
import type { LifeSettings } from '../../src/supervisor/life.ts';
import { HOUR, MINUTE, NEW } from './policy-support.ts';

const SETTINGS: LifeSettings = {
  lifetimeMs: 48 * HOUR,
  idleCheckMs: 24 * HOUR,
  jitterMs: 4 * HOUR,
  hardCapMs: 2 * HOUR,
  from: 'start',
};
const ID = 'i-0123456789abcdef0';
const LAUNCHED = Date.UTC(2026, 5, 1);
const DAY = 24 * HOUR;
const seen = (ageMs: number, offsetMs = 0, lifeBeganMs: number | null = null) => ({
  instanceId: ID,
  launchedAtMs: LAUNCHED + offsetMs,
  nowMs: LAUNCHED + offsetMs + ageMs,
  lifeBeganMs: lifeBeganMs === null ? null : LAUNCHED + offsetMs + lifeBeganMs,
});
const NEWCOMER: Standing = {
  lifeId: 'random',
  instanceId: null,
  origin: 'boot',
  journal: 'absent',
  afterLaunchMs: null,
  settledNone: false,
  uncertain: false,
  ageMs: 5 * MINUTE,
  certainAgeMs: 5 * MINUTE,
  limits: { lifetimeMs: 48 * HOUR, idleAfterMs: 99 * HOUR, hardCapMs: 2 * HOUR },
  state: { ...NEW, servedAgeMs: 4 * MINUTE },
};
const KNOWN: Standing = {
  ...NEWCOMER,
  instanceId: ID,
  origin: 'launch',
  journal: 'found',
  afterLaunchMs: 0,
  ageMs: 10 * HOUR,
  certainAgeMs: 10 * HOUR,
};

test('the boot was provisional: age from the launch, T0 stays the moment that it was, jitter from the instance', () => {
  const { standing, shiftMs } = settleLaunch(NEWCOMER, seen(3 * HOUR), SETTINGS);
  expect([standing.ageMs, shiftMs]).toEqual([3 * HOUR, 3 * HOUR - 5 * MINUTE]);
  expect(standing.state.servedAgeMs).toBe(3 * HOUR - MINUTE);
  expect(standing.limits.idleAfterMs).toBe(24 * HOUR + jitterOf(ID, 4 * HOUR));
  expect([standing.lifeId, standing.instanceId, standing.origin]).toEqual([ID, ID, 'launch']);
});

test('provisional is replaced in either direction', () => {
  const old = { ...NEWCOMER, ageMs: 90 * HOUR, certainAgeMs: 90 * HOUR };
  expect(settleLaunch(old, seen(HOUR), SETTINGS).standing.ageMs).toBe(HOUR);
});

test.each([40 * DAY, -40 * DAY])('a service whose clock is off as a whole still gives the right age', (offsetMs) => {
  expect(settleLaunch(NEWCOMER, seen(3 * HOUR, offsetMs), SETTINGS).standing.ageMs).toBe(3 * HOUR);
  const booted = { ...KNOWN, uncertain: true };
  expect(settleLaunch(booted, seen(12 * HOUR, offsetMs), SETTINGS).standing.ageMs).toBe(12 * HOUR);
});

test('a service that contradicts itself is not believed', () => {
  const { standing, warnings } = settleLaunch(KNOWN, { ...seen(0), launchedAtMs: LAUNCHED + DAY }, SETTINGS);
  expect([standing.ageMs, warnings.length]).toEqual([10 * HOUR, 1]);
});

test('A28 within a boot the continuous clock alone counts', () => {
  expect(settleLaunch(KNOWN, seen(10 * HOUR + 900), SETTINGS).standing.ageMs).toBe(10 * HOUR);
});

test('A35 after a reboot: what is certain is the least, the wall clock is corrected, and that is told', () => {
  const booted = { ...KNOWN, uncertain: true, ageMs: 40 * HOUR };
  const { standing, warnings } = settleLaunch(booted, seen(12 * HOUR), SETTINGS);
  expect([standing.ageMs, standing.uncertain, warnings.length]).toEqual([12 * HOUR, false, 1]);
  expect(settleLaunch(booted, seen(9 * HOUR), SETTINGS).standing.ageMs).toBe(10 * HOUR);
});

test('A29 a lost journal: T0 is the launch, J that of the instance', () => {
  const lost = { ...NEWCOMER, journal: 'spoiled', state: { ...NEW, servedAgeMs: 0 } } as const;
  const { standing } = settleLaunch(lost, seen(30 * HOUR), SETTINGS);
  expect([standing.ageMs, standing.state.servedAgeMs]).toEqual([30 * HOUR, 0]);
  expect(standing.limits.idleAfterMs).toBe(24 * HOUR + jitterOf(ID, 4 * HOUR));
});

test('a replaced root volume: the life began with the tag, and goes on from there', () => {
  const { standing } = settleLaunch(NEWCOMER, seen(60 * HOUR, 0, 59 * HOUR), SETTINGS);
  expect([standing.ageMs, standing.afterLaunchMs]).toEqual([HOUR, 59 * HOUR]);
  const booted = { ...standing, journal: 'found', uncertain: true } as const;
  expect(settleLaunch(booted, seen(61 * HOUR), SETTINGS).standing.ageMs).toBe(2 * HOUR);
});

test.each([
  ['before the launch', -HOUR],
  ['in the future', 90 * HOUR],
])('a beginning %s is not believed', (_title, beganMs) => {
  expect(settleLaunch(NEWCOMER, seen(60 * HOUR, 0, beganMs), SETTINGS).standing.ageMs).toBe(60 * HOUR);
});

test('with a journal the tag of the controller means nothing', () => {
  const booted = { ...KNOWN, uncertain: true };
  expect(settleLaunch(booted, seen(60 * HOUR, 0, 59 * HOUR), SETTINGS).standing.ageMs).toBe(60 * HOUR);
});

test('a journal of another instance: a new life, the worker that serves goes on serving', () => {
  const state = { ...NEW, phase: 'draining', servedAgeMs: 1, worker: { tag: 'up' }, finishedTasks: 9 } as const;
  const other = { ...KNOWN, instanceId: 'i-00000000000000001', ageMs: 47 * HOUR, state };
  const { standing, otherInstance, warnings } = settleLaunch(other, seen(HOUR), SETTINGS);
  expect([otherInstance, warnings.length, standing.ageMs]).toEqual([true, 1, HOUR]);
  expect(standing.state).toMatchObject({ phase: 'serving', servedAgeMs: HOUR, finishedTasks: 0, ending: null });
});
