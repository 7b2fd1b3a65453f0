import { describe, expect, test } from 'bun:test';
import { AppError, describeError, EXIT, formatPlace, joinErrors } from '../../src/lib/errors.ts';

test.each([
  ['USAGE', 64],
  ['CONFIG', 78],
  ['UNAVAILABLE', 69],
  ['JOB_FAILED', 1],
  ['NO_PERMISSION', 77],
  ['TEMPORARY', 75],
] as const)('%s leaves with exit code %i', (code, exitCode) => {
  expect(new AppError(code, 'x').exitCode).toBe(exitCode);
});

test('our own bugs have an exit code of their own', () => {
  expect(EXIT.internal).toBe(70);
});

describe('a place is told as far as it is known', () => {
  test.each([
    [undefined, ''],
    [{}, ''],
    [{ line: 3 }, ''],
    [{ file: 'a.yml' }, 'a.yml: '],
    [{ file: 'a.yml', line: 3 }, 'a.yml:3: '],
    [{ file: 'a.yml', line: 3, column: 7 }, 'a.yml:3:7: '],
    [{ file: 'a.yml', column: 7 }, 'a.yml: '],
  ])('%j', (place, text) => {
    expect(formatPlace(place)).toBe(text);
  });
});

describe('an error in words', () => {
  const inner = new AppError('CONFIG', 'no such key', { place: { file: 'b.yml', line: 1, column: 2 } });
  test.each([
    [
      'place, message, hint',
      new AppError('CONFIG', 'bad', { place: { file: 'a', line: 1 }, hint: 'mend it' }),
      'a:1: bad; mend it',
    ],
    ['without hint', new AppError('USAGE', 'bad'), 'bad'],
    ['with others', new AppError('CONFIG', 'first', { others: [inner] }), 'first\nb.yml:1:2: no such key'],
    ['a foreign error', new TypeError('oops'), 'oops'],
    ['not even an error', 'text', 'text'],
    ['nothing', undefined, 'undefined'],
  ])('%s', (_name, error, text) => {
    expect(describeError(error)).toBe(text);
  });
});

test('joined errors speak one after the other and keep code, cause and place of the first', () => {
  const cause = new Error('deep');
  const first = new AppError('UNAVAILABLE', 'one', { hint: 'wait', place: { file: 'a' }, cause });
  const joined = joinErrors([first, new AppError('CONFIG', 'two'), new AppError('CONFIG', 'three')]);
  expect(describeError(joined)).toBe('a: one; wait\ntwo\nthree');
  expect(joined.code).toBe('UNAVAILABLE');
  expect(joined.cause).toBe(cause);
});

test('an error without a cause has none', () => {
  expect('cause' in new AppError('USAGE', 'x')).toBe(false);
});
