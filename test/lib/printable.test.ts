import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { printable } from '../../src/lib/printable.ts';

test.each([
  ['plain text, ä, 漢字, ✓', 'plain text, ä, 漢字, ✓'],
  ['a\nb\tc', 'a\uFFFDb\uFFFDc'],
  ['\u001b[31mred', '\uFFFD[31mred'],
  ['\u0085\u2028\u202e\ufeff', '\uFFFD\uFFFD\uFFFD\uFFFD'],
  ['\ud800', '\uFFFD'],
  ['x'.repeat(11), `${'x'.repeat(10)}…`],
  ['x'.repeat(10), 'x'.repeat(10)],
])('%j', (text, clean) => expect(printable(text, text.startsWith('x') ? 10 : 100)).toBe(clean));

test('nothing that steers a terminal is left, and the length is bounded', () => {
  const anything = fc.string({ unit: 'binary', maxLength: 300 });
  fc.assert(
    fc.property(anything, (text) => {
      const clean = printable(text, 100);
      expect(clean).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      expect(clean.length).toBeLessThanOrEqual(101);
      expect(printable(clean, 101)).toBe(clean);
    }),
  );
});
