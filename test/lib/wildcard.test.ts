import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { wildcardMatches } from '../../src/lib/wildcard.ts';

test.each([
  ['', '', true],
  ['', 'a', false],
  ['*', '', true],
  ['*', 'a/b\nc', true],
  ['a', 'a', true],
  ['a', 'A', false],
  ['a*', 'abc', true],
  ['*c', 'abc', true],
  ['a*c', 'ac', true],
  ['ab*ba', 'aba', false],
  ['a*b*c', 'aXbYc', true],
  ['a*b*c', 'acb', false],
  ['*b*', 'abc', true],
  ['**', 'x', true],
  ['a**b', 'ab', true],
  ['a*bc*c', 'abc', false],
  ['[a-z].?', '[a-z].?', true],
  ['a?', 'ab', false],
])('%j against %j: %p', (pattern, text, expected) => {
  expect(wildcardMatches(pattern, text)).toBe(expected);
});

const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '.', '\n'), maxLength: 14 });
const patterns = fc.string({ unit: fc.constantFrom('a', 'b', '*', '*', '.', '\n'), maxLength: 10 });

test('it agrees with a regular expression of the same meaning', () => {
  fc.assert(
    fc.property(patterns, letters, (pattern, text) => {
      const source = pattern.replaceAll(/[.\n]/g, (c) => (c === '.' ? '\\.' : '\\n')).replaceAll('*', '[^]*');
      expect(wildcardMatches(pattern, text)).toBe(new RegExp(`^${source}$`).test(text));
    }),
    { numRuns: 5_000 },
  );
});

test('replacing stars by any text gives a match', () => {
  fc.assert(
    fc.property(
      fc.array(letters, { minLength: 1, maxLength: 5 }),
      fc.array(letters, { minLength: 5 }),
      (pieces, fill) => {
        const text = pieces.map((piece, index) => piece + (index < pieces.length - 1 ? fill[index] : '')).join('');
        expect(wildcardMatches(pieces.join('*'), text)).toBe(true);
      },
    ),
  );
});
