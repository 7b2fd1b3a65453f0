import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { AppError } from '../../src/lib/errors.ts';
import { formatSize, parseSize } from '../../src/lib/size.ts';

test.each([
  ['0', 0],
  ['0B', 0],
  ['12 b', 12],
  ['640 KB', 640_000],
  ['640kb', 640_000],
  ['1.5 MB', 1_500_000],
  ['5GiB', 5_368_709_120],
  ['5 gib', 5_368_709_120],
  ['100MiB', 104_857_600],
  ['2TB', 2_000_000_000_000],
  ['1TiB', 1_099_511_627_776],
  ['0.5KiB', 512],
])('%s is %i bytes', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each([
  '',
  '5',
  '5120',
  'GiB',
  '-5GiB',
  '5 Gi',
  '5G',
  '1,5MB',
  '5GiB ',
  ' 5GiB',
  '1e3MB',
  '99999999TiB',
  '5 GiB 3 MiB',
])('refused: %j', (text) => {
  expect(() => parseSize(text)).toThrow(new AppError('CONFIG', `"${text}" is not a size`));
});

const UNITS = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

test('count times unit, in any letter case', () => {
  const unit = fc.constantFrom(...Object.entries(UNITS));
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 8_000 }), unit, fc.boolean(), (count, [name, bytes], upper) => {
      expect(parseSize(`${count} ${upper ? name.toUpperCase() : name.toLowerCase()}`)).toBe(count * bytes);
    }),
  );
});

test('arbitrary text gives whole bytes or our error', () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('0', '1', '9', '.', 'K', 'i', 'B', 'g', ' ') }));
  fc.assert(
    fc.property(text, (input) => {
      try {
        expect(Number.isSafeInteger(parseSize(input))).toBe(true);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
      }
    }),
    { numRuns: 1_000 },
  );
});

describe('sizes for people', () => {
  test.each([
    [0, '0 B'],
    [512, '512 B'],
    [1_023, '1023 B'],
    [1_024, '1.0 KiB'],
    [1_536, '1.5 KiB'],
    [10_239, '10 KiB'],
    [1_048_575, '1.0 MiB'],
    [28_311_552, '27 MiB'],
    [5 * 2 ** 30, '5.0 GiB'],
    [5_000 * 2 ** 40, '5000 TiB'],
  ])('%i bytes are %s', (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
  });
});
