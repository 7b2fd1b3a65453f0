import { expect, test } from 'bun:test';
import { startLimits, timeoutOf } from '../../src/agent/task-limits.ts';
import { FakeClock } from '../support/fake-clock.ts';

const MINUTE = 60_000;

function setUp() {
  const clock = new FakeClock();
  const cancel = new AbortController();
  const abandon = new AbortController();
  const limits = startLimits(10 * MINUTE, clock, cancel.signal, abandon.signal);
  const state = () =>
    (['task', 'until-cancel', 'grace'] as const).map((patience) => {
      const signal = limits.signalFor(patience);
      return signal.aborted ? signal.reason : 'goes on';
    });
  return { clock, cancel, abandon, limits, state };
}

test('the deadline ends normal steps, and clean-up five minutes later', async () => {
  const { clock, limits, state } = setUp();
  await clock.advance(10 * MINUTE - 1);
  expect(state()).toEqual(['goes on', 'goes on', 'goes on']);
  await clock.advance(1);
  expect(state()).toEqual(['timeout', 'goes on', 'goes on']);
  expect(limits.progress).toEqual({ timedOut: true, cancelled: false });
  await clock.advance(5 * MINUTE - 1);
  expect(state()).toEqual(['timeout', 'goes on', 'goes on']);
  await clock.advance(1);
  expect(state()).toEqual(['timeout', 'timeout', 'timeout']);
});

test('a cancel ends all but clean-up, which gets five minutes', async () => {
  const { clock, cancel, limits, state } = setUp();
  cancel.abort();
  expect(state()).toEqual(['cancelled', 'cancelled', 'goes on']);
  expect(limits.progress).toEqual({ timedOut: false, cancelled: true });
  await clock.advance(5 * MINUTE);
  expect(state()[2]).toBe('timeout');
});

test('a second trouble does not prolong the window for clean-up', async () => {
  const { clock, cancel, state } = setUp();
  await clock.advance(6 * MINUTE);
  cancel.abort();
  await clock.advance(5 * MINUTE - 1); // the deadline has passed meanwhile
  expect(state()[2]).toBe('goes on');
  await clock.advance(1);
  expect(state()[2]).toBe('timeout');
});

test('abandoning ends everything', () => {
  const { abandon, state } = setUp();
  abandon.abort();
  expect(state()).toEqual(['abandoned', 'abandoned', 'abandoned']);
});

test('no timer is left at the end', async () => {
  const { clock, limits } = setUp();
  await clock.advance(10 * MINUTE);
  limits.end();
  expect(clock.pending).toBe(0);
});

test.each([
  [5n, 5_000],
  [0n, 60 * MINUTE],
  [-1n, 60 * MINUTE],
])('%p seconds', (seconds, ms) => {
  expect(timeoutOf(seconds)).toBe(ms);
});
