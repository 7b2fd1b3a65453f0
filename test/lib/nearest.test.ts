import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { nearest } from '../../src/lib/nearest.ts';

const KEYS = ['token', 'name', 'labels', 'resources', 'rpc', 'log', 'idle-check', 'hard-cap'];

test.each([
  ['lables', 'labels'],
  ['label', 'labels'],
  ['LABELS', 'labels'],
  ['tokn', 'token'],
  ['nmae', 'name'],
  ['hardcap', 'hard-cap'],
  ['idle_check', 'idle-check'],
  ['ressources', 'resources'],
  ['rcp', 'rpc'],
  ['banana', undefined],
  ['', undefined],
  ['x'.repeat(65), undefined],
])('%s → %p', (word, expected) => {
  expect(nearest(word, KEYS)).toBe(expected);
});

test('nothing is near when nothing is known', () => {
  expect(nearest('labels', [])).toBeUndefined();
});

test('an exact word beats a near one wherever it stands', () => {
  expect(nearest('name', ['names', 'name', 'nam'])).toBe('name');
});

test('one wrong letter in a word of three or more is found among strangers', () => {
  fc.assert(
    fc.property(fc.constantFrom(...KEYS), fc.nat(), fc.constantFrom('q', 'z', '0'), (key, at, letter) => {
      const index = at % key.length;
      expect(nearest(key.slice(0, index) + letter + key.slice(index + 1), KEYS)).toBe(key);
    }),
  );
});

test('swapping neighbours counts as one mistake', () => {
  expect(nearest('ab', ['ba'])).toBe('ba');
  expect(nearest('abc', ['cba'])).toBeUndefined();
});
