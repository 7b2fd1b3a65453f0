import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const ROOT = resolve(import.meta.dir, '../..');

/** How many weaknesses of the existing agent are known by each letter (specification of the agent, section 14). */
const COUNTS = { S: 12, C: 29, L: 7, P: 15, R: 15 };

const NUMBERS = Object.entries(COUNTS).flatMap(([letter, count]) =>
  Array.from({ length: count }, (_, index) => `${letter}${index + 1}`),
);

const read = (pattern: string) =>
  [...new Bun.Glob(pattern).scanSync({ cwd: ROOT })]
    .map((path) => readFileSync(resolve(ROOT, path), 'utf8'))
    .join('\n');

test('each has a test that names it, or a line that says how it is here', () => {
  const texts = `${read('test/{agent,e2e,platform}/**/*.test.ts')}\n${read('docs/differences.md')}`;
  const missing = NUMBERS.filter((number) => !new RegExp(`\\b${number}\\b`).test(texts));
  expect(missing).toEqual([]);
});
