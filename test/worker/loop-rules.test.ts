import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { Retry } from '../../src/rpc/rpc-error.ts';
import { afterFailure, NO_FAILURES, pauseAfterPoll, takeInterval } from '../../src/worker/loop-rules.ts';

test.each([
  ['none told', 0, 10_000],
  ['the shortest', 1, 1_000],
  ['the longest', 3_600, 3_600_000],
  ['just too long', 3_601, 10_000],
  ['a year', 31_536_000, 10_000],
])('interval: %s', (_name, seconds, expected) => {
  expect(takeInterval(10_000, seconds)).toBe(expected);
});

describe('W6: pause after a poll', () => {
  test.each([
    ['answered at once: the interval, counted from its start', { tookMs: 5, intervalMs: 1_000, outdated: false }, 995],
    ['held for longer than the interval: hardly any', { tookMs: 20_000, intervalMs: 1_000, outdated: false }, 0],
    ['out of date: hardly any', { tookMs: 5, intervalMs: 1_000, outdated: true }, 5],
    ['out of date after a while: none', { tookMs: 50, intervalMs: 1_000, outdated: true }, 0],
  ])('%s', (_name, poll, expected) => {
    expect(pauseAfterPoll(poll, () => 1)).toBe(expected);
  });

  test('chance takes away up to a tenth, and the interval is never exceeded', () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(random, fc.integer({ min: 1, max: 3_600 }), (chance, seconds) => {
        const pause = pauseAfterPoll({ tookMs: 0, intervalMs: seconds * 1_000, outdated: false }, () => chance);
        expect(pause).toBeLessThanOrEqual(seconds * 1_000);
        expect(pause).toBeGreaterThanOrEqual(seconds * 900);
      }),
    );
  });
});

describe('after failures', () => {
  const run = (failures: readonly { retry: Retry; registered: boolean }[]) => {
    let before = NO_FAILURES;
    return failures.map((failure) => {
      const next = afterFailure(before, failure, () => 1);
      before = next.failures;
      return `${next.verdict} ${next.pauseMs}`;
    });
  };
  const times = (count: number, retry: Retry, registered: boolean) => Array(count).fill({ retry, registered });

  test('W6: a server that is away is asked ever less often, at most every ten seconds', () => {
    expect(run(times(8, 'backoff', true))).toEqual(
      [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000].map((ms) => `away ${ms}`),
    );
  });

  test('W8: one that refuses the registration, at most every five minutes', () => {
    expect(run(times(11, 'register-again', false)).at(-1)).toBe('refused 300000');
    expect(run(times(2, 'never', false))).toEqual(['refused 1000', 'refused 2000']);
  });

  test('W5: one that has forgotten the session is registered with at once; four times in a row is a refusal', () => {
    expect(run(times(5, 'register-again', true))).toEqual([
      'lost 250',
      'lost 500',
      'lost 1000',
      'refused 2000',
      'refused 4000',
    ]);
  });
});
