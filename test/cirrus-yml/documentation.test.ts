import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseConfiguration } from '../../src/cirrus-yml/parse-configuration.ts';

const text = readFileSync(resolve(import.meta.dir, '../../docs/cirrus-yml.md'), 'utf8');
const [example = ''] = [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '');

test('the example of the page is good, and means what the page says', () => {
  const environment = { CIRRUS_BRANCH: 'main', CIRRUS_DEFAULT_BRANCH: 'main' };
  const { tasks, problems, foreign } = parseConfiguration({ text: example, environment, affectedFiles: ['a.c'] });
  expect([problems, foreign]).toEqual([[], []]);
  expect(tasks.map(({ name, requiredGroups }) => [name, requiredGroups])).toEqual([
    ['lint', []],
    ['unit gcc', []],
    ['unit clang', []],
    ['ship', [0n, 1n, 2n]],
  ]);
});
