import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const ROOT = resolve(import.meta.dir, '../..');

/** Weaknesses of the existing agent in what runs a task; caches, artifacts, launchers and servers have theirs elsewhere. */
const NUMBERS = [
  ...['S1', 'S2', 'S3', 'S4', 'S5', 'S6', 'S7', 'S12'],
  ...['C1', 'C2', 'C3', 'C4', 'C5', 'C6', 'C13', 'C14', 'C16', 'C17', 'C18', 'C19', 'C23', 'C24', 'C26'],
  ...['L1', 'L2', 'L3', 'L4', 'L5', 'L6', 'L7'],
  ...['P1', 'P7', 'P8', 'P9', 'P10', 'P11', 'P12'],
  ...['R1', 'R2', 'R3', 'R5', 'R6', 'R7', 'R8', 'R10', 'R12', 'R14'],
];

const read = (pattern: string) =>
  [...new Bun.Glob(pattern).scanSync({ cwd: ROOT })]
    .map((path) => readFileSync(resolve(ROOT, path), 'utf8'))
    .join('\n');

test('each has a test that names it, or a line that says how it is here', () => {
  const texts = `${read('test/{agent,e2e,platform}/**/*.test.ts')}\n${read('docs/differences.md')}`;
  const missing = NUMBERS.filter((number) => !new RegExp(`\\b${number}\\b`).test(texts));
  expect(missing).toEqual([]);
});
