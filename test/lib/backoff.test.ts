import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { backoffMs } from '../../src/lib/backoff.ts';

const POLICY = { firstMs: 1_000, maxMs: 60_000 };

test.each([
  [0, 0, 500],
  [0, 0.5, 750],
  [1, 0, 1_000],
  [5, 0, 16_000],
  [6, 0, 30_000],
  [6, 0.999_999, 60_000],
  [1_000, 0, 30_000],
  [Number.MAX_SAFE_INTEGER, 0.5, 45_000],
])('attempt %i with chance %d waits %i ms', (attempt, chance, ms) => {
  expect(backoffMs(attempt, POLICY, () => chance)).toBe(ms);
});

test('a first delay above the maximum is bounded too', () => {
  expect(backoffMs(0, { firstMs: 10_000, maxMs: 1_000 }, () => 0.9)).toBe(950);
});

test('every delay lies in the upper half of its ceiling, and ceilings never fall', () => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(
      fc.nat(100),
      fc.integer({ min: 1, max: 10_000 }),
      fc.integer({ min: 1, max: 1e7 }),
      chance,
      (n, firstMs, maxMs, c) => {
        const ceiling = Math.min(maxMs, firstMs * 2 ** n);
        const delay = backoffMs(n, { firstMs, maxMs }, () => c);
        expect(Number.isInteger(delay)).toBe(true);
        expect(delay).toBeGreaterThanOrEqual(Math.floor(ceiling / 2));
        expect(delay).toBeLessThanOrEqual(Math.ceil(ceiling));
        expect(backoffMs(n + 1, { firstMs, maxMs }, () => c)).toBeGreaterThanOrEqual(delay);
      },
    ),
  );
});
