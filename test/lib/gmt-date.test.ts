import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { parseGmtDate } from '../../src/lib/gmt-date.ts';

test.each([
  ['21 Jan 2019 09:00:43 GMT', Date.UTC(2019, 0, 21, 9, 0, 43)],
  ['Mon, 21 Jan 2019 09:00:43 GMT', Date.UTC(2019, 0, 21, 9, 0, 43)],
  ['1 Dec 2026 23:59:59 GMT', Date.UTC(2026, 11, 1, 23, 59, 59)],
  ['29 Feb 2028 00:00:00 GMT', Date.UTC(2028, 1, 29)],
])('%s', (text, ms) => expect(parseGmtDate(text)).toBe(ms));

test.each([
  '29 Feb 2026 00:00:00 GMT',
  '32 Jan 2026 00:00:00 GMT',
  '0 Jan 2026 00:00:00 GMT',
  '21 Jab 2026 00:00:00 GMT',
  '21 Jan 2026 24:00:00 GMT',
  '21 Jan 2026 00:60:00 GMT',
  '21 Jan 2026 00:00:60 GMT',
  '21 Jan 26 00:00:00 GMT',
  '21 Jan 2026 00:00:00',
  '21 Jan 2026 00:00:00 CET',
  '2026-01-21T00:00:00Z',
  ' 21 Jan 2026 00:00:00 GMT',
  '1700000000',
  '',
])('%j is none', (text) => expect(parseGmtDate(text)).toBeUndefined());

test('reads back what every system writes', () => {
  const seconds = fc.integer({ min: 0, max: 253_402_300_799 });
  fc.assert(fc.property(seconds, (s) => expect(parseGmtDate(new Date(s * 1_000).toUTCString())).toBe(s * 1_000)));
});
