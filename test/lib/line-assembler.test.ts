import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { assembleLines, NO_BYTES, unfinishedLine } from '../../src/lib/line-assembler.ts';

test('lines come out whole, however the log is cut, in the middle of characters too', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'é', '\n', '\u{1F600}'), maxLength: 60 });
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 9 }), (log, size) => {
      const bytes = new TextEncoder().encode(log);
      const lines: string[] = [];
      let rest = NO_BYTES;
      for (let at = 0; at < bytes.length; at += size) {
        const assembled = assembleLines(rest, bytes.subarray(at, at + size));
        lines.push(...assembled.lines);
        rest = assembled.rest;
      }
      expect([...lines, unfinishedLine(rest)]).toEqual(log.split('\n'));
    }),
  );
});
