import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const ROOT = resolve(import.meta.dir, '../..');

/** The numbers under which the weaknesses of the worker that people used before are known. */
const NUMBERS = Array.from({ length: 51 }, (_, index) => index + 1);

const DOMAINS = 'test/{worker,isolation,platform,cli,e2e}/**/*.test.ts';

/** Titles of tests, or comments beside one row of a table, that bear a number. */
const tested = new Set(
  [...new Bun.Glob(DOMAINS).scanSync({ cwd: ROOT })].flatMap((path) =>
    [...readFileSync(resolve(ROOT, path), 'utf8').matchAll(/\bW(\d+)\b/g)].map((match) => Number(match[1])),
  ),
);

const differences = readFileSync(resolve(ROOT, 'docs/differences.md'), 'utf8');
const [, section = ''] = differences.split('## The worker, weakness by weakness');
const rows = [...(section.split('\n## ')[0] ?? '').matchAll(/^\| ([\d, ]+) \|.*\| (.*) \|$/gm)].map((match) => ({
  numbers: (match[1] ?? '').split(', ').map(Number),
  here: match[2] ?? '',
}));
const excused = rows.filter(({ here }) => here.startsWith('does not apply')).flatMap(({ numbers }) => numbers);

test('each has a test that bears its number, or a line that says why it does not apply', () => {
  expect(NUMBERS.filter((number) => !tested.has(number) && !excused.includes(number))).toEqual([]);
});

test('each has one line that tells users what was and what is', () => {
  expect(rows.flatMap(({ numbers }) => numbers).toSorted((a, b) => a - b)).toEqual(NUMBERS);
});
