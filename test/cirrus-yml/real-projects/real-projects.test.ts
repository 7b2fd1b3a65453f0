import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { formatProblem } from '../../../src/cirrus-yml/format-problem.ts';
import { type ParseResult, parseConfiguration } from '../../../src/cirrus-yml/parse-configuration.ts';
import { BREAKS } from './breaks.ts';

const ENVIRONMENT = { CIRRUS_BRANCH: 'main', CIRRUS_PR: '1', CIRRUS_TAG: '1.2.3' };
const AFFECTED = ['packages/a.dart', 'src/a.rs'];

function read(name: string): string {
  return readFileSync(resolve(import.meta.dir, name), 'utf8');
}

function parse(text: string): ParseResult {
  return parseConfiguration({ text, environment: ENVIRONMENT, affectedFiles: AFFECTED });
}

/** First lines alone, `file:line:column: severity: sentence; remedy`, without what a good file tells too. */
function told(name: string, text: string): string[] {
  return parse(text)
    .problems.filter(({ message }) => !message.includes('was a matter of the hosted service'))
    .map((problem) => formatProblem(problem, { file: name, text, colour: false }).split('\n')[0] ?? '');
}

describe('as they stand they are good', () => {
  test.each([
    ['cpp.yml', ['lint', 'ARM, unit tests, no functional tests', 'fuzzer,address,undefined,integer']],
    [
      'rust.yml',
      [
        'rustfmt',
        'test x86_64-unknown-linux-gnu stable',
        'test x86_64-unknown-linux-gnu nightly',
        'test i686-unknown-linux-gnu stable',
        'test i686-unknown-linux-gnu nightly',
        'semver',
      ],
    ],
    ['swift.yml', ['Swift 15.2', 'Swift 15.3', 'Release']],
    [
      'flutter.yml',
      [
        'analyze-linux',
        'framework_tests-widgets-linux',
        'docs-linux',
        'build_tests-1_2-macos',
        'build_tests-2_2-macos',
      ],
    ],
    ['python.yml', ['linux_aarch64', 'linux_aarch64', 'tests', 'wheels_upload']],
  ])('%s', (name, tasks) => {
    const text = read(name);
    const affectedFiles = [...AFFECTED, 'bin/flutter'];
    const result = parseConfiguration({ text, environment: ENVIRONMENT, affectedFiles });
    expect(told(name, text)).toEqual([]);
    expect(result.tasks.map((task) => task.name)).toEqual(tasks);
  });
});

describe('broken, they tell what mends them', () => {
  test.each(BREAKS)('%s: %s', (name, _slip, edits, messages) => {
    let text = read(name);
    for (const [good, bad] of edits) {
      expect(text.split(good)).toHaveLength(2); // else the slip is made elsewhere than meant
      text = text.replace(good, () => bad);
    }
    expect(told(name, text)).toEqual(messages.map((message) => `${name}:${message}`));
  });

  test('each in three ways', () => {
    const counts = Map.groupBy(BREAKS, ([name]) => name);
    expect([...counts.values()].map(({ length }) => length)).toEqual([3, 3, 3, 3, 3]);
  });
});
