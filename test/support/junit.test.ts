import { expect, test } from 'bun:test';
import { addTotals, totalsLine, totalsOf } from './junit.ts';

const report = (tests: number, failures: number, skipped: number) =>
  `<?xml version="1.0"?>\n<testsuites name="bun test" tests="${tests}" assertions="9" failures="${failures}" skipped="${skipped}" time="1">
  <testsuite name="x" tests="99" failures="98" skipped="97"></testsuite></testsuites>`;

test.each([
  ['all pass', report(5, 0, 0), 0, { passed: 5, failed: 0, skipped: 0 }],
  ['some fail, some are skipped', report(9, 2, 3), 1, { passed: 4, failed: 2, skipped: 3 }],
  ['a bad exit that no test explains', report(5, 0, 0), 1, { passed: 5, failed: 1, skipped: 0 }],
  ['killed by a signal', report(5, 0, 0), null, { passed: 5, failed: 1, skipped: 0 }],
  ['no test ran', report(0, 0, 0), 0, { passed: 0, failed: 1, skipped: 0 }],
  ['crashed before the report', undefined, 1, { passed: 0, failed: 1, skipped: 0 }],
  ['no report although all is well', undefined, 0, { passed: 0, failed: 1, skipped: 0 }],
  ['a garbled report', 'not XML', 0, { passed: 0, failed: 1, skipped: 0 }],
])('%s', (_name, text, exitCode, totals) => {
  expect(totalsOf(text, exitCode)).toEqual(totals);
});

test('the closing line tells skipped tests only when there are some', () => {
  const totals = addTotals([
    { passed: 2, failed: 1, skipped: 0 },
    { passed: 3, failed: 0, skipped: 0 },
  ]);
  expect(totalsLine(totals)).toBe('5 passed, 1 failed');
  expect(totalsLine({ ...totals, skipped: 4 })).toBe('5 passed, 1 failed, 4 skipped');
});
