import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { plainSwitches } from '../../src/cli/go-switches.ts';
import { AppError } from '../../src/lib/errors.ts';
import { collectAmounts, collectLabels } from '../../src/worker/flags.ts';

/** As the flags of the old worker: one pair may hold commas, several are a list that may be quoted. */
test.each([
  ['a=b', { a: 'b' }],
  ['a=b,c', { a: 'b,c' }],
  ['a=b,c=d', { a: 'b', c: 'd' }],
  ['a=x=y,c=d', { a: 'x=y', c: 'd' }],
  ['"a=b,c",d=e', { a: 'b,c', d: 'e' }],
  ['"a=say ""hi""",d=e', { a: 'say "hi"', d: 'e' }],
  ['a=', { a: '' }],
  [' a = b , c = d ', { a: 'b', c: 'd' }],
])('--labels %s', (text, labels) => {
  expect(collectLabels(text)).toEqual(labels);
});

test('whatever is written: labels, or our error', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', 'b', '=', ',', '"', ' ', '1') }), (text) => {
      for (const collect of [collectLabels, collectAmounts]) {
        try {
          expect(Object.keys(collect(text)).length).toBeGreaterThan(0);
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          expect(error.exitCode).toBe(64);
        }
      }
    }),
  );
});

test.each(['gpu=1e10', 'gpu=Infinity', 'gpu=NaN', 'gpu=0x'])('--resources %s is refused', (text) => {
  expect(() => collectAmounts(text)).toThrow('is not a number from 0 up to 1000000000');
});

describe('switches as Go programs take them', () => {
  test.each([
    [['--wait'], ['--wait']],
    [['--wait=true', '--debug=0'], ['--wait']],
    [
      ['--wait=T', '-f', 'x'],
      ['--wait', '-f', 'x'],
    ],
    [['--name=true'], ['--name=true']],
    [
      ['--', '--wait=false'],
      ['--', '--wait=false'],
    ],
  ])('%j', (args, expected) => {
    expect(plainSwitches(args, ['wait', 'debug'])).toEqual(expected);
  });

  test('other values are mistakes', () => {
    expect(() => plainSwitches(['--wait=maybe'], ['wait'])).toThrow('--wait is "maybe"');
  });
});
