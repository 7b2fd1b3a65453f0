import { expect, test } from 'bun:test';
import { clockPrefix, timestampFilter } from '../../src/agent/timestamps.ts';

const ZERO = '[00:00:00.000] ';

// specification of the agent, 13.10
test.each([
  [['abc\n'], `${ZERO}abc\n`],
  [['\nabc'], `${ZERO}\n${ZERO}abc`],
  [['abc'], `${ZERO}abc`],
  [['\n'], `${ZERO}\n`],
  [['a\r\nb\r\n'], `${ZERO}a\r\n${ZERO}b\r\n`],
  [['a', 'b\n', '', 'c'], `${ZERO}ab\n${ZERO}c`],
])('%j', (chunks, expected) => {
  const filter = timestampFilter(() => clockPrefix(0, 0));
  expect(chunks.map((chunk) => Buffer.from(filter(Buffer.from(chunk))).toString()).join('')).toBe(expected);
});

test('local time', () => {
  expect(clockPrefix(Date.UTC(2026, 0, 1, 23, 59, 58, 7), 90)).toBe('[01:29:58.007] ');
});
