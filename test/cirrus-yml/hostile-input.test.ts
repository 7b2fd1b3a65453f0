import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { drawTasks } from '../../src/cirrus-yml/draw-tasks.ts';
import { parseConfiguration } from '../../src/cirrus-yml/parse-configuration.ts';
import { tasksToJson } from '../../src/cirrus-yml/tasks-json.ts';
import { memoryFiles } from './memory-files.ts';

const CASES = resolve(import.meta.dir, '../conformance/cirrus-yml');
const samples = readdirSync(CASES)
  .filter((name) => name.endsWith('.yml'))
  .map((name) => readFileSync(resolve(CASES, name), 'utf8'));

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

/** Whatever goes in: tasks or errors come out, every place lies inside the text, and nothing is thrown. */
function checkResult(text: string): void {
  const files = memoryFiles({ D: text, src: text });
  const { tasks, problems, foreign, plan } = parseConfiguration({
    text,
    environment: { A: 'b' },
    files,
    declaredProperties: true,
  });
  expect(drawTasks(plan).split('\n').length - 1).toBeLessThanOrEqual(plan.length);
  expect(tasksToJson(tasks)).toHaveLength(tasks.length);
  const lines = text.split('\n');
  const places = [...problems, ...foreign].flatMap((problem) => [
    problem,
    ...(problem.used ?? []).map((place) => ({ ...place, message: problem.message })),
  ]);
  for (const { line, column, message } of places) {
    expect(line).toBeWithin(1, lines.length + 1);
    expect(column).toBeWithin(1, (lines[line - 1]?.length ?? 0) + 2);
    expect(message).not.toMatch(/undefined|\[object|NaN|\.$/);
  }
  if (problems.some(({ severity }) => severity === 'error')) expect(tasks).toEqual([]);
}

const mark = fc.constantFrom(
  ...['- ', ': ', '  ', '\n', '\t', '"', "'", '[', ']', '{', '}', '&a ', '*a', '<<: *a', '!x ', '|', '>', '#', '---\n'],
  ...[
    'task:',
    'matrix:',
    'env:',
    'persistent_worker: {}',
    'only_if: $A',
    '${A}',
    'isolation: {tart: {}}',
    'container: {dockerfile: D}',
    'additional_containers: [{name: a, image: b, port: 1}]',
    'pipe:',
    'steps: [{image: a, script: b}]',
    'docker_builder: {script: a}',
    'gce_instance: {}',
    'trigger_type: manual',
    'COPY $A src /to',
    'depends_on: [main, a]',
    'ENCRYPTED[a]',
    '~',
    '\r\n',
    '\u0000',
    '\ufeff',
    '😀',
  ],
);

describe('nothing that is put in makes the parser throw', () => {
  test('arbitrary text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), checkResult), { numRuns: 300 });
  });

  test('arbitrary rows of marks that mean something', () => {
    fc.assert(
      fc.property(fc.array(mark, { maxLength: 40 }), (marks) => checkResult(marks.join(''))),
      { numRuns: 1000 },
    );
  });

  test('good files with a piece cut out or something put in', () => {
    const mutation = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      cut: fc.nat(20),
      put: fc.option(mark),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        (sample, mutations) => {
          let text = sample;
          for (const { at, cut, put } of mutations) {
            const start = Math.floor(at * text.length);
            text = text.slice(0, start) + (put ?? '') + text.slice(start + (put === null ? cut : 0));
          }
          checkResult(text);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
