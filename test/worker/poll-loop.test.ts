import { describe, expect, test } from 'bun:test';
import { RpcError } from '../../src/rpc/rpc-error.ts';
import { type Intake, PollLoop } from '../../src/worker/poll-loop.ts';
import { Reports } from '../../src/worker/reports.ts';
import { settle } from '../support/fake-clock.ts';
import { memoryLogger } from '../support/logger.ts';
import { type Answer, ScriptedUpstream } from '../support/scripted-upstream.ts';

function start(answers: Answer[], registrations: (RpcError | undefined)[] = [], exitOnRefusal = false) {
  const upstream = new ScriptedUpstream(answers, registrations);
  const { clock } = upstream;
  const troubles: (string | null)[] = [];
  const state: { version: number; intake: Intake; busy: boolean } = { version: 0, intake: 'open', busy: false };
  const applied: { late: boolean }[] = [];
  const log = memoryLogger();
  const random = () => 1;
  const loop = new PollLoop({
    ...{ upstream, clock, log, random, exitOnRefusal },
    reports: new Reports({ upstream, clock, random, log }),
    snapshot: () => ({ running: [], resourcesInUse: {}, standby: [], version: state.version }),
    apply: ({ tasksToStart }, late) => {
      if (tasksToStart.length > 0) state.version += 1;
      applied.push({ late });
    },
    intake: () => state.intake,
    settled: () => undefined,
    busy: () => state.busy,
    onRegistered() {},
    onTurn() {},
    onTrouble: (message) => void troubles.push(message),
  });
  const controller = new AbortController();
  const ended = loop.run(controller.signal);
  const { calls } = upstream;
  return { clock, calls, troubles, state, loop, log, ended, applied, upstream, stop: () => controller.abort() };
}

const away = () => new RpcError('UNAVAILABLE', 'gone');

test('registers once, then polls; an answer that came at once is followed after the interval', async () => {
  const run = start([{}, {}]);
  await run.clock.advance(25_000);
  expect(run.calls).toEqual(['0 register', '0 poll', '10000 poll', '20000 poll']);
  run.stop();
  expect(await run.ended).toBe('stopped');
});

test('a held poll is followed at once', async () => {
  const run = start(['hold', 'hold']);
  await run.clock.advance(40_000);
  expect(run.calls.slice(1)).toEqual(['0 poll', '20000 poll', '40000 poll']);
  run.stop();
});

test('an answer that changes what runs is followed at once', async () => {
  const run = start([{ tasksToStart: [{ taskId: '7' }] }, 'hold']);
  await run.clock.advance(10);
  expect(run.calls).toEqual(['0 register', '0 poll', '10 poll']);
  run.stop();
});

test('an answer that changes nothing is not, so that a server cannot spin the worker', async () => {
  const run = start([{ tasksToStop: ['unknown'] }, { tasksToStop: ['unknown'] }, 'hold']);
  await run.clock.advance(20_000);
  expect(run.calls).toEqual(['0 register', '0 poll', '10000 poll', '20000 poll']);
  run.stop();
});

test('a server that brings something new with each answer is polled a hundred times a second at most', async () => {
  const run = start(Array(500).fill({ tasksToStart: [{ taskId: '7' }] }));
  await run.clock.advance(1_000);
  expect(run.calls.length).toBeLessThanOrEqual(102);
  run.stop();
});

test('W6: a task that ends cuts the pause short', async () => {
  const run = start([{}, 'hold']);
  await run.clock.advance(3_000);
  run.state.version += 1;
  run.loop.wake();
  await settle();
  expect(run.calls.at(-1)).toBe('3000 poll');
  run.stop();
});

test('an absent server is asked again with growing pauses, and told of once', async () => {
  const run = start([...Array.from({ length: 8 }, away), {}]);
  await run.clock.advance(60_000);
  const polls = run.calls.filter((call) => call.endsWith('poll')).map((call) => Number.parseInt(call, 10));
  expect(polls.slice(0, 9)).toEqual([0, 250, 750, 1_750, 3_750, 7_750, 15_750, 25_750, 35_750]);
  expect(run.log.lines.filter((line) => line.level === 'warn')).toHaveLength(1);
  expect(run.troubles).toEqual(['the hub does not answer: gone', null]);
  run.stop();
});

describe('a server that refuses', () => {
  const refuse = () => new RpcError('PERMISSION_DENIED', 'unknown token');

  test('W5: a lost session is renewed at once', async () => {
    const run = start([new RpcError('UNAUTHENTICATED', 'unknown session'), 'hold']);
    await run.clock.advance(300);
    expect(run.calls).toEqual(['0 register', '0 poll', '250 register', '250 poll']);
    run.stop();
  });

  test('W8: a wrong token is tried ever less often, at most every five minutes, and said each time', async () => {
    const run = start([], Array.from({ length: 12 }, refuse));
    await run.clock.advance(20 * 60_000);
    const times = run.calls.map((call) => Number.parseInt(call, 10) / 1_000);
    expect(times).toEqual([0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1_111]);
    expect(run.log.lines.filter((line) => line.level === 'error')).toHaveLength(12);
    expect(run.troubles.at(-1)).toBe('the hub refuses this worker: unknown token');
    run.stop();
  });

  test('a server that registers the worker and then refuses each poll is not asked at full rate', async () => {
    const run = start(Array.from({ length: 20 }, refuse));
    await run.clock.advance(60_000);
    expect(run.calls.filter((call) => call.endsWith('register')).length).toBeLessThan(10);
    expect(run.troubles.at(-1)).toBe('the hub refuses this worker: unknown token');
    run.stop();
  });

  test('W45: a name that another worker has is a refusal, said and tried ever less often', async () => {
    const taken = () => new RpcError('ALREADY_EXISTS', 'the name "w" is taken');
    const run = start([], [taken(), taken()]);
    await run.clock.advance(2_000);
    expect(run.calls.map((call) => Number.parseInt(call, 10))).toEqual([0, 1_000]);
    expect(run.troubles.at(-1)).toBe('the hub refuses this worker: the name "w" is taken');
    run.stop();
    const leaving = start([], [taken()], true);
    await leaving.clock.advance(1);
    expect(await leaving.ended).toBe('refused');
  });

  test('a server that answers, and cannot serve, is not called silent', async () => {
    const run = start(
      [],
      Array.from({ length: 4 }, () => new RpcError('RESOURCE_EXHAUSTED', 'the pool is full')),
    );
    await run.clock.advance(2_000);
    expect(run.troubles[0]).toBe('the hub cannot serve this worker now: the pool is full');
    expect(run.log.lines[0]?.message).toBe('server cannot serve this worker now, trying again');
    run.stop();
  });

  test('with exit on refusal the loop ends; an absent server is no refusal', async () => {
    const run = start([], [away(), refuse()], true);
    await run.clock.advance(1_000);
    expect(await run.ended).toBe('refused');
  });
});

describe('intake', () => {
  test('a pause is told beside a poll that is held, and again after a new registration', async () => {
    const run = start(['hold', new RpcError('UNAUTHENTICATED', 'restarted'), 'hold']);
    await run.clock.advance(100);
    run.state.intake = 'paused';
    run.loop.intakeChanged(new AbortController().signal);
    await run.clock.advance(21_000);
    expect(run.calls).toEqual([
      '0 register',
      '0 poll',
      '100 disable',
      '20000 poll',
      '20250 register',
      '20250 disable',
      '20250 poll',
    ]);
    run.stop();
  });

  test('a server that cannot pause workers is polled even so', async () => {
    const run = start(['hold', 'hold']);
    run.upstream.pauseError = new RpcError('UNIMPLEMENTED', 'what?');
    run.state.intake = 'paused';
    await run.clock.advance(20_000);
    expect(run.calls).toEqual(['0 register', '0 disable', '0 poll', '20000 poll']);
    run.stop();
  });

  test('a drain polls on while something runs, takes nothing new, and ends with the last task, a held poll or not', async () => {
    const run = start(['hold', 'hold']);
    run.state.busy = true;
    await run.clock.advance(100);
    run.state.intake = 'draining';
    run.loop.intakeChanged(new AbortController().signal);
    await run.clock.advance(44_900);
    expect(run.calls).toEqual(['0 register', '0 poll', '100 disable', '20000 poll', '40000 poll']);
    expect(run.applied).toEqual([{ late: false }, { late: true }]);
    run.state.busy = false;
    run.loop.wake();
    expect(await run.ended).toBe('drained');
    await run.loop.leave(false);
    expect(run.calls.at(-1)).toBe('45000 enable');
  });

  test('a drain with nothing running ends at once and leaves no pause behind', async () => {
    const run = start(['hold']);
    await run.clock.advance(100);
    run.state.intake = 'draining';
    run.loop.intakeChanged(new AbortController().signal);
    expect(await run.ended).toBe('drained');
    await run.loop.leave(false);
    expect(run.calls).toEqual(['0 register', '0 poll']);
  });

  test('whoever leaves for good says so', async () => {
    const run = start(['hold']);
    await run.clock.advance(100);
    run.state.intake = 'draining';
    run.loop.wake();
    await run.ended;
    await run.loop.leave(true);
    expect(run.calls.at(-1)).toBe('100 disable');
  });
});

test('a shutdown flag ends the loop when nothing runs', async () => {
  const run = start([{ shutdown: true }]);
  await run.clock.advance(1);
  expect(await run.ended).toBe('shutdown');
  expect(run.calls).toEqual(['0 register', '0 poll']);
});

test('W19: a shutdown flag with a task running: it is polled for on, so that the server can still stop it', async () => {
  const run = start([{ shutdown: true }, { shutdown: true }, 'hold']);
  run.state.busy = true;
  await run.clock.advance(10_000);
  expect(run.calls).toEqual(['0 register', '0 poll', '10000 poll']);
  run.state.busy = false;
  run.loop.wake();
  expect(await run.ended).toBe('shutdown');
});

test('W9: a bug is not taken for an absent server', async () => {
  const upstream = new ScriptedUpstream([new TypeError('oops') as never]);
  const log = memoryLogger();
  const deps = { upstream, clock: upstream.clock, log, random: () => 1 };
  const loop = new PollLoop({
    ...{
      ...deps,
      exitOnRefusal: false,
      reports: new Reports(deps),
      intake: () => 'open',
      busy: () => false,
      settled: () => undefined,
    },
    snapshot: () => ({ running: [], resourcesInUse: {}, standby: [], version: 0 }),
    ...{ apply() {}, onRegistered() {}, onTurn() {}, onTrouble() {} },
  });
  await expect(loop.run(new AbortController().signal)).rejects.toThrow('oops');
});
