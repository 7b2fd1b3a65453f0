import { describe, expect, test } from 'bun:test';
import { RpcError, type RpcStatus } from '../../src/rpc/rpc-error.ts';
import { Reports } from '../../src/worker/reports.ts';
import { settle } from '../support/fake-clock.ts';
import { memoryLogger } from '../support/logger.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';

const KEY = { id: '7', clientSecret: 's' };
const NEVER = new AbortController().signal;
const DAY_MS = 24 * 3_600_000;

function scene(...errors: (RpcStatus | undefined)[]) {
  const upstream = new ScriptedUpstream();
  upstream.registered = true;
  upstream.session = 1;
  upstream.taskErrors.push(...errors.map((status) => status && new RpcError(status, 'no')));
  const log = memoryLogger();
  const reports = new Reports({ upstream, clock: upstream.clock, random: () => 1, log });
  return { upstream, reports, log, clock: upstream.clock, calls: upstream.calls };
}

test('W13: a report is repeated with growing pauses until it is taken, and never after that', async () => {
  const { reports, clock, calls } = scene('UNAVAILABLE', 'DEADLINE_EXCEEDED', 'INTERNAL', undefined);
  const done = reports.stopped(KEY, NEVER);
  await clock.advance(60_000);
  await done;
  expect(calls).toEqual(['0 stopped 7', '200 stopped 7', '600 stopped 7', '1400 stopped 7']);
});

test('a poll that succeeds brings the next try forward', async () => {
  const { reports, clock, calls } = scene(...Array<RpcStatus>(6).fill('UNAVAILABLE'), undefined);
  void reports.stopped(KEY, NEVER);
  await clock.advance(6_500);
  expect(calls.at(-1)).toBe('6200 stopped 7');
  reports.pollTaken(reports.pollSent());
  await settle();
  expect(calls.at(-1)).toBe('6500 stopped 7');
});

test('what a server refuses for good is not repeated', async () => {
  const { reports, clock, calls, log } = scene('INVALID_ARGUMENT');
  await reports.failed(KEY, 'reason', NEVER);
  await clock.advance(60_000);
  expect(calls).toEqual(['0 failed 7: reason']);
  expect(log.lines.map(({ level }) => level)).toEqual(['warn']);
});

describe('a refusal of access', () => {
  test('waits for the new session and is repeated in it', async () => {
    const { reports, upstream, clock, calls } = scene('UNAUTHENTICATED', undefined);
    const done = reports.stopped(KEY, NEVER);
    await clock.advance(5_000);
    upstream.forget();
    reports.pollTaken(0);
    await clock.advance(5_000);
    expect(calls).toHaveLength(1);
    await upstream.register();
    reports.registered();
    await done;
    expect(calls.at(-1)).toBe('10000 stopped 7');
  });

  test('means the task when the session holds: it is over for the server', async () => {
    const { reports, clock, calls } = scene('NOT_FOUND');
    const early = reports.pollSent();
    const done = reports.stopped(KEY, NEVER);
    await clock.advance(100);
    reports.pollTaken(early);
    await clock.advance(60_000);
    expect(calls).toHaveLength(1);
    reports.pollTaken(reports.pollSent());
    await done;
    expect(calls).toEqual(['0 stopped 7']);
  });
});

test('without a session it waits for one', async () => {
  const { reports, upstream, clock, calls } = scene();
  upstream.forget();
  const done = reports.started(KEY, NEVER);
  await clock.advance(60_000);
  expect(calls).toEqual([]);
  await upstream.register();
  reports.registered();
  expect(await done).toBe(true);
});

test('W12: a start that cannot be told for ten minutes is given up, an end not before a day has passed', async () => {
  const { reports, clock } = scene(...Array<RpcStatus>(20_000).fill('UNAVAILABLE'));
  let started: boolean | undefined;
  let stopped = false;
  void reports.started(KEY, NEVER).then((taken) => {
    started = taken;
  });
  void reports.stopped(KEY, NEVER).then(() => {
    stopped = true;
  });
  await clock.advance(11 * 60_000);
  expect([started, stopped]).toEqual([false, false]);
  await clock.advance(DAY_MS);
  expect(stopped).toBe(true);
}, 30_000);

test('the abort of its signal gives a report up', async () => {
  const { reports, clock, calls } = scene('UNAVAILABLE', 'UNAVAILABLE');
  const controller = new AbortController();
  const done = reports.started(KEY, controller.signal);
  await clock.advance(250);
  controller.abort();
  expect(await done).toBe(false);
  expect(calls).toHaveLength(2);
});

test('ten thousand reports go out sixteen at a time', async () => {
  const { upstream, reports } = scene();
  let [atOnce, most, taken] = [0, 0, 0];
  upstream.taskFailed = async () => {
    atOnce += 1;
    most = Math.max(most, atOnce);
    await settle();
    atOnce -= 1;
    taken += 1;
  };
  await Promise.all(Array.from({ length: 10_000 }, (_, id) => reports.failed({ ...KEY, id: `${id}` }, 'full', NEVER)));
  expect([most, taken, atOnce]).toEqual([16, 10_000, 0]);
}, 30_000);

test('a reason of any length is cut to what a server takes', async () => {
  const { reports, calls } = scene();
  await reports.failed(KEY, 'x'.repeat(10_000_000), NEVER);
  expect(calls[0]?.length).toBeLessThan(17_000);
});
