import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { formatDuration, parseDuration } from '../../src/lib/duration.ts';
import { AppError } from '../../src/lib/errors.ts';

test.each([
  ['0', 0],
  ['0s', 0],
  ['500ms', 500],
  ['90s', 90_000],
  ['1.5s', 1_500],
  ['0.0004s', 0],
  ['10m', 600_000],
  ['1h30m', 5_400_000],
  ['24h', 86_400_000],
  ['2d', 172_800_000],
  ['1d2h3m4s5ms', 93_784_005],
  ['3650d', 315_360_000_000],
])('%s is %i ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

describe('refused', () => {
  test.each([
    ['90', 'add a unit, for example "90s" or "90m"'],
    ['', 'write it like'],
    [' 5s', 'write it like'],
    ['5s ', 'write it like'],
    ['5 s', 'write it like'],
    ['-5s', 'write it like'],
    ['5S', 'write it like'],
    ['5w', 'write it like'],
    ['s', 'write it like'],
    ['1.s', 'write it like'],
    ['.5s', 'write it like'],
    ['5s,3m', 'write it like'],
    ['1e3s', 'write it like'],
    ['٣s', 'write it like'],
  ])('%j', (text, hint) => {
    let caught: unknown;
    try {
      parseDuration(text);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(AppError);
    expect((caught as AppError).message).toBe(`"${text}" is not a duration`);
    expect((caught as AppError).hint).toStartWith(hint);
  });

  test.each(['3651d', '3650d1ms', `${'9'.repeat(400)}s`])('longer than ten years: %s', (text) => {
    expect(() => parseDuration(text)).toThrow('is longer than ten years');
  });
});

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

test('a sum of parts is the sum of their lengths, in any order of units', () => {
  const part = fc.tuple(fc.integer({ min: 0, max: 400 }), fc.constantFrom(...UNITS));
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
      const text = parts.map(([count, [unit]]) => `${count}${unit}`).join('');
      expect(parseDuration(text)).toBe(parts.reduce((sum, [count, [, ms]]) => sum + count * ms, 0));
    }),
  );
});

test('arbitrary text gives whole milliseconds or our error', () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom('0', '1', '9', '.', 'm', 's', 'h', 'd', ' ', '-') }),
  );
  fc.assert(
    fc.property(text, (input) => {
      try {
        const ms = parseDuration(input);
        expect(Number.isSafeInteger(ms) && ms >= 0).toBe(true);
        expect(input === '0' || /^(\d+(\.\d+)?(ms|[smhd]))+$/.test(input)).toBe(true);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        expect(/^(\d+(ms|[smhd]))+$/.test(input) && input.length < 5).toBe(false); // at most 999d, well within ten years;
      }
    }),
    { numRuns: 1_000 },
  );
});

describe('durations for people', () => {
  test.each([
    [0, '0s'],
    [1, '1ms'],
    [850, '850ms'],
    [999.7, '1s'],
    [0.2, '0s'],
    [1_000, '1s'],
    [42_400, '42s'],
    [59_600, '1m'],
    [90_000, '1m 30s'],
    [3_600_000, '1h'],
    [3_605_000, '1h'],
    [86_340_000, '23h 59m'],
    [172_800_000, '2d'],
    [180_000_000, '2d 2h'],
    [-90_000, '-1m 30s'],
    [-0.2, '0s'],
  ])('%d ms is %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});
