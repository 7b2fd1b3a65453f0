import { describe, expect, test } from 'bun:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { PollResponseSchema } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { RpcError } from '../../src/rpc/rpc-error.ts';
import type { WorkerLink } from '../../src/worker/link.ts';
import { PollLoop, pauseAfterPoll, takeInterval } from '../../src/worker/poll-loop.ts';
import type { Upstream } from '../../src/worker/upstream.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { memoryLogger } from '../support/logger.ts';

type Answer = MessageInitShape<typeof PollResponseSchema> | RpcError | 'hold';

/** A server that answers polls from a script and notes what it was asked, with the time. */
function scripted(clock: FakeClock, answers: Answer[], registrations: (RpcError | undefined)[] = []) {
  const calls: string[] = [];
  let session = false;
  const note = (what: string) => void calls.push(`${clock.monoMs()} ${what}`);
  const upstream: Upstream = {
    get registered() {
      return session;
    },
    forget: () => {
      session = false;
    },
    async register() {
      note('register');
      const refusal = registrations.shift();
      if (refusal !== undefined) throw refusal;
      session = true;
    },
    async poll(_running, _resources, signal) {
      note('poll');
      const answer = answers.shift() ?? 'hold';
      if (answer instanceof RpcError) throw answer;
      if (answer === 'hold') await clock.sleep(20_000, signal);
      return create(PollResponseSchema, { pollIntervalInSeconds: 10, ...(answer === 'hold' ? {} : answer) });
    },
    setDisabled: async (disabled) => note(disabled ? 'disable' : 'enable'),
    taskStarted: async () => {},
    taskFailed: async () => {},
    taskStopped: async () => {},
  };
  return { upstream, calls };
}

function start(answers: Answer[], registrations: (RpcError | undefined)[] = []) {
  const clock = new FakeClock();
  const { upstream, calls } = scripted(clock, answers, registrations);
  const troubles: (string | null)[] = [];
  const link: WorkerLink = {
    registered() {},
    state() {},
    progress() {},
    trouble: (message) => void troubles.push(message),
  };
  const state = { ended: 0, paused: false };
  const log = memoryLogger();
  const loop = new PollLoop({
    ...{ upstream, link, clock, log, random: () => 1 },
    snapshot: () => ({ running: [], resourcesInUse: {}, ended: state.ended }),
    apply: () => {},
    wantsPause: () => state.paused,
  });
  const controller = new AbortController();
  const ended = loop.run(controller.signal);
  return { clock, calls, troubles, state, loop, log, ended, stop: () => controller.abort() };
}

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

test('an answer with work is followed at once', async () => {
  const run = start([{ tasksToStop: ['7'] }, 'hold']);
  await run.clock.advance(1);
  expect(run.calls).toEqual(['0 register', '0 poll', '0 poll']);
  run.stop();
});

test('a task that ends cuts the pause short', async () => {
  const run = start([{}, 'hold']);
  await run.clock.advance(3_000);
  run.state.ended += 1;
  run.loop.wake();
  await settle();
  expect(run.calls.at(-1)).toBe('3000 poll');
  run.stop();
});

test('an absent server is asked again with growing pauses up to ten seconds, and told of once', async () => {
  const away = () => new RpcError('UNAVAILABLE', 'gone');
  const run = start([...Array.from({ length: 8 }, away), {}]);
  await run.clock.advance(60_000);
  const polls = run.calls.filter((call) => call.endsWith('poll')).map((call) => Number.parseInt(call, 10));
  expect(polls.slice(0, 9)).toEqual([0, 250, 750, 1_750, 3_750, 7_750, 15_750, 25_750, 35_750]);
  expect(run.log.lines.filter((line) => line.level === 'warn')).toHaveLength(1);
  expect(run.troubles).toEqual(['the hub does not answer: gone', null]);
  run.stop();
});

describe('a server that refuses', () => {
  test('a lost session is renewed at once', async () => {
    const run = start([new RpcError('UNAUTHENTICATED', 'unknown session'), 'hold']);
    await run.clock.advance(300);
    expect(run.calls).toEqual(['0 register', '0 poll', '250 register', '250 poll']);
    run.stop();
  });

  test('a wrong token is tried ever less often, at most every five minutes, and said each time', async () => {
    const refuse = () => new RpcError('PERMISSION_DENIED', 'unknown token');
    const run = start([], Array.from({ length: 12 }, refuse));
    await run.clock.advance(20 * 60_000);
    const times = run.calls.map((call) => Number.parseInt(call, 10) / 1_000);
    expect(times).toEqual([0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1_111]);
    expect(run.log.lines.filter((line) => line.level === 'error')).toHaveLength(12);
    expect(run.troubles.at(-1)).toBe('the hub refuses this worker: unknown token');
    run.stop();
  });
});

test('a pause is told beside a poll that is held, and again after a new registration', async () => {
  const run = start(['hold', new RpcError('UNAUTHENTICATED', 'restarted'), 'hold']);
  await run.clock.advance(100);
  run.state.paused = true;
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

test('a shutdown flag ends the loop', async () => {
  const run = start([{ shutdown: true }]);
  await run.clock.advance(1);
  expect(await run.ended).toBe('server-shutdown');
});

test.each([
  [0, 10_000],
  [1, 1_000],
  [3_600, 3_600_000],
  [3_601, 10_000],
])('interval of %d s', (seconds, expected) => {
  expect(takeInterval(10_000, seconds)).toBe(expected);
});

test.each([
  [{ tookMs: 5, intervalMs: 1_000, outdated: false }, 995],
  [{ tookMs: 20_000, intervalMs: 1_000, outdated: false }, 0],
  [{ tookMs: 5, intervalMs: 1_000, outdated: true }, 0],
])('pause after a poll %#', (poll, expected) => {
  expect(pauseAfterPoll(poll)).toBe(expected);
});
