import { describe, expect, test } from 'bun:test';
import { CommandReporter } from '../../src/agent/command-reporter.ts';
import { beatHeart } from '../../src/agent/heartbeat.ts';
import { isTemporary, retrying } from '../../src/agent/retry.ts';
import type { CommandUpdate, TaskApi } from '../../src/agent/task-api.ts';
import { within } from '../../src/agent/within.ts';
import { RpcError, type RpcStatus } from '../../src/rpc/rpc-error.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { memoryLogger } from '../support/logger.ts';

const POLICY = { firstMs: 100, maxMs: 400 };
const never = new AbortController().signal;

/** An API of which only the given calls exist. */
function apiOf(calls: Partial<TaskApi>): TaskApi {
  return calls as TaskApi;
}

test.each([
  ['UNAVAILABLE', true],
  ['DEADLINE_EXCEEDED', true],
  ['INTERNAL', true],
  ['UNAUTHENTICATED', false],
  ['PERMISSION_DENIED', false],
  ['NOT_FOUND', false],
  ['FAILED_PRECONDITION', false],
  ['UNIMPLEMENTED', false],
] as const)('%s is worth another attempt: %p', (status, expected) => {
  expect(isTemporary(new RpcError(status, ''))).toBe(expected);
});

describe('retrying', () => {
  test('pauses longer and longer, up to the limit', async () => {
    const clock = new FakeClock();
    const times: number[] = [];
    const run = async (attempt: number) => {
      times.push(clock.monoMs());
      if (attempt < 4) throw new RpcError('UNAVAILABLE', '');
      return 'done';
    };
    const result = retrying(run, POLICY, { clock, random: () => 0.999999 }, never);
    await clock.advance(2_000);
    expect(await result).toBe('done');
    expect(times).toEqual([0, 100, 300, 700, 1_100]);
  });

  test('ends at once for a permanent error and for a bug', async () => {
    const clock = new FakeClock();
    for (const error of [new RpcError('NOT_FOUND', 'gone'), new TypeError('bug')]) {
      const result = retrying(() => Promise.reject(error), POLICY, { clock, random: () => 0 }, never);
      await expect(result).rejects.toBe(error);
    }
    expect(clock.pending).toBe(0);
  });

  test('ends with the last failure when its time is over', async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const result = retrying(
      () => Promise.reject(new RpcError('UNAVAILABLE', 'away')),
      POLICY,
      { clock, random: () => 0 },
      stop.signal,
    );
    result.catch(() => {});
    await settle();
    stop.abort();
    await expect(result).rejects.toThrow('away');
  });
});

describe('the reporter', () => {
  function setUp(answers: (RpcStatus | 'OK')[]) {
    const clock = new FakeClock();
    const log = memoryLogger();
    const batches: string[][] = [];
    const reportUpdates = async (updates: readonly CommandUpdate[]) => {
      const answer = answers.shift() ?? 'OK';
      if (answer !== 'OK') throw new RpcError(answer, 'refused');
      batches.push(updates.map(({ name }) => name ?? ''));
    };
    const reporter = new CommandReporter(apiOf({ reportUpdates }), { clock, random: () => 0.5, log }, never);
    return { clock, log, batches, reporter };
  }

  test('keeps what was not taken, and sends it together with what came meanwhile', async () => {
    const { clock, batches, reporter } = setUp(['UNAVAILABLE', 'UNAVAILABLE']);
    reporter.push({ name: 'a' });
    const flushed = reporter.flush();
    await settle();
    reporter.push({ name: 'b' });
    await clock.advance(5_000);
    await flushed;
    expect(batches).toEqual([['a', 'b']]);
    expect(reporter.history.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  test('gives up updates that the server will never take, and goes on with later ones', async () => {
    const { log, batches, reporter } = setUp(['FAILED_PRECONDITION']);
    reporter.push({ name: 'a' });
    await reporter.flush();
    expect(log.lines.map(({ message }) => message)).toEqual(['command updates were not taken']);
    reporter.push({ name: 'b' });
    await reporter.flush();
    expect(batches).toEqual([['b']]);
  });
});

test('the heart beats once a minute, whatever a call takes and however it ends', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const times: number[] = [];
  const heartbeat = async (signal: AbortSignal) => {
    times.push(clock.monoMs() / 1_000);
    if (times.length === 1) throw new RpcError('UNAVAILABLE', 'away');
    await clock.sleep(20_000, signal);
  };
  const beating = beatHeart(apiOf({ heartbeat }), { clock, log: memoryLogger() }, stop.signal);
  await clock.advance(190_000);
  expect(times).toEqual([0, 60, 120, 180]);
  stop.abort();
  await beating;
});

test('within tells whether work ended in time, and leaves no timer', async () => {
  const clock = new FakeClock();
  const late = within(new Promise(() => {}), 50, clock);
  await clock.advance(50);
  expect(await late).toBe(false);
  expect(await within(Promise.resolve(), 50, clock)).toBe(true);
  expect(clock.pending).toBe(0);
});
