import { describe, expect, test } from 'bun:test';
import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { parseConfiguration } from '../../src/cirrus-yml/parse-configuration.ts';
import { parseMutated } from './mutated-documents.ts';
import { checkResult, mark, mutated, parseAll, SAMPLES } from './mutations.ts';

const slips = mutated(fc.constantFrom(...SAMPLES));

function parse(text: string) {
  return parseConfiguration({ text, environment: { CIRRUS_BRANCH: 'main' } });
}

/** Names `a`, `b`, … that each repeat the one before ten times. */
function laughs(levels: number): string {
  const names = [...'abcdefghijklmnop'].slice(0, levels);
  const lines = names.map((name, index) => {
    const before = names[index - 1];
    const items = Array.from({ length: 10 }, () => (before === undefined ? 'x' : `*${before}`));
    return `${name}: &${name} [${items.join(', ')}]`;
  });
  return `${lines.join('\n')}\n`;
}

const PW = 'persistent_worker: {}';

describe('what is too much is refused in one sentence', () => {
  test.each([
    ['a long file', `# ${'x'.repeat(10 * 1024 * 1024)}`, ['1:1 the file is 11 MB long']],
    ['many parts', 'a: b\n'.repeat(100_000), ['57143:5 the file has too many parts']],
    ['deep brackets', '['.repeat(100_000), ['1:101 more than 100 lists and maps stand inside one another']],
    ['deep dashes', '- '.repeat(100_000), ['1:200 more than 100 lists and maps stand inside one another']],
    ['aliases of aliases', laughs(8), ['5:36 the file unfolds to more than 100000 values']],
    [
      'a chain of aliases that is deep in no place',
      `a0: &a0 [x]\n${Array.from({ length: 200 }, (_, n) => `a${n + 1}: &a${n + 1} [*a${n}]\n`).join('')}`,
      ['100:11 more than 100 lists and maps stand inside one another'],
    ],
    [
      'many tasks',
      `task:\n  ${PW}\n  env:\n    A: {matrix: [${'{B: c}, '.repeat(2001)}]}\n`,
      ['1:1 the file asks for more than 2000 tasks, or for too large ones'],
    ],
    [
      'large tasks',
      `task:\n  ${PW}\n  env: {${Array.from({ length: 2000 }, (_, n) => `A${n}: b`).join(', ')}}\n  matrix: [${'{alias: c}, '.repeat(1000)}]\n`,
      ['1:1 the file asks for more than 2000 tasks, or for too large ones'],
    ],
    [
      'large defaults of many tasks',
      `env: {${Array.from({ length: 2000 }, (_, n) => `A${n}: b`).join(', ')}}\ntask:\n  ${PW}\n  matrix: [${'{alias: c}, '.repeat(1000)}]\n`,
      ['2:1 the file asks for more than 2000 tasks, or for too large ones'],
    ],
    [
      'variables that grow',
      `task:\n  ${PW}\n  env:\n${[...'abcdefghijklmnopqrstuvwxyz'].map((name, n) => `    v${name}: ${`$v${'abcdefghijklmnopqrstuvwxyz_'[n + 1]}`.repeat(9)}\n`).join('')}  name: $va\n`,
      ['30:3 the variables in this value expand without end'],
    ],
  ])('%s', (_title, text, expected) => {
    const { tasks, problems } = parse(text);
    const errors = problems.filter(({ severity }) => severity === 'error');
    expect(errors.slice(0, 1).map(({ line, column, message }) => `${line}:${column} ${message}`)).toEqual(expected);
    expect(tasks).toEqual([]);
  });

  test('thousands of problems are counted, and errors are not lost among warnings', () => {
    const text = `task:\n  ${PW}\n${Array.from({ length: 3000 }, (_, n) => `  unknown-${n}: x\n`).join('')}  timeout_in: 1d\n`;
    const { problems } = parse(text);
    expect(problems).toHaveLength(501);
    expect(problems.at(-1)?.message).toBe('2501 more problems are not shown');
    expect(problems.filter(({ severity }) => severity === 'error')).toHaveLength(1);
  });

  test('names of the object prototype are ordinary names', () => {
    const { tasks, problems } = parse(
      `task:\n  persistent_worker: {labels: {constructor: a}}\n  env: {__proto__: b}\n  toString: c\n`,
    );
    expect(problems.map(({ severity, message }) => `${severity} ${message}`)).toEqual([
      'warning unknown key "toString" in a task',
    ]);
    expect(Object.entries(tasks[0]?.environment ?? {})).toEqual([['__proto__', 'b']]);
  });
});

function check(text: string): void {
  checkResult(text, parseAll(text));
}

describe('nothing that is put in makes the parser throw', () => {
  test('arbitrary text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), check), { numRuns: 300 });
  });

  test('arbitrary rows of marks that mean something', () => {
    fc.assert(
      fc.property(fc.array(mark, { maxLength: 40 }), (marks) => check(marks.join(''))),
      { numRuns: 1000 },
    );
  });

  test('good files with slips in them', () => {
    expect(parseMutated(2_000, randomInt(2 ** 31)).documents).toBe(2_000);
  });

  test('one seed, one set of documents', () => {
    const [first, second] = [fc.sample(slips, { seed: 7, numRuns: 50 }), fc.sample(slips, { seed: 7, numRuns: 50 })];
    expect(first).toEqual(second);
    expect(new Set(first).size).toBeGreaterThan(40);
  });
});
