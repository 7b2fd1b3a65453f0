import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { nextFire, parseCron } from '../../../src/hub/crons/expression.ts';
import { AppError } from '../../../src/lib/errors.ts';

const next = (expression: string, after: string) =>
  new Date(nextFire(parseCron(expression), Date.parse(after)) ?? Number.NaN).toISOString();

describe('the next time', () => {
  test.each([
    ['* * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:01:00.000Z'],
    ['* * * * *', '2026-01-01T00:00:59.999Z', '2026-01-01T00:01:00.000Z'],
    ['30 2 * * *', '2026-01-01T02:30:00Z', '2026-01-02T02:30:00.000Z'],
    ['30 2 * * 1-5', '2026-01-02T03:00:00Z', '2026-01-05T02:30:00.000Z'],
    ['0 0 1 * *', '2026-12-31T23:59:59Z', '2027-01-01T00:00:00.000Z'],
    ['0 0 31 * *', '2026-04-01T00:00:00Z', '2026-05-31T00:00:00.000Z'],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['*/15 9-10 * * *', '2026-06-01T10:45:00Z', '2026-06-02T09:00:00.000Z'],
    ['0 12 * * SUN', '2026-01-01T00:00:00Z', '2026-01-04T12:00:00.000Z'],
    ['0 12 * * 7', '2026-01-01T00:00:00Z', '2026-01-04T12:00:00.000Z'],
    ['0 0 13 * 5', '2026-02-01T00:00:00Z', '2026-02-06T00:00:00.000Z'], // either day will do
    ['@daily', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00.000Z'],
    ['  0   0  * * *  ', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00.000Z'],
    ['30 2 * * *', '2026-03-29T00:00:00Z', '2026-03-29T02:30:00.000Z'], // no summer time in UTC
  ])('%s after %s is %s', (expression, after, expected) => {
    expect(next(expression, after)).toBe(expected);
  });

  test('is later than what it is asked for, and whole minutes', () => {
    const expressions = ['* * * * *', '7 3 * * *', '0 0 29 2 *', '0 0 1,15 * 3', '*/7 */5 * 2-4 *'];
    fc.assert(
      fc.property(fc.constantFrom(...expressions), fc.integer({ min: 0, max: 4e12 }), (expression, afterMs) => {
        const atMs = nextFire(parseCron(expression), afterMs) ?? Number.NaN;
        expect([atMs > afterMs, atMs % 60_000]).toEqual([true, 0]);
      }),
    );
  });
});

test.each([
  '',
  '* * * *',
  '* * * * * *',
  '60 * * * *',
  'x',
  '0 0 31 2 *',
  '0 0 L * *',
  '* * * * * * *',
  'a'.repeat(500),
])('%j is refused', (expression) => {
  expect(() => parseCron(expression)).toThrow(AppError);
});
