import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type ParseResult, parseConfiguration } from '../../src/cirrus-yml/parse-configuration.ts';
import { tasksToJson } from '../../src/cirrus-yml/tasks-json.ts';
import { memoryFiles } from './memory-files.ts';

/**
 * What the reference parser is known to do badly, by number. Each has a test here or is named in
 * docs/differences.md as kept on purpose.
 */
const PW = 'persistent_worker: {}';

function parse(text: string, more: Partial<Parameters<typeof parseConfiguration>[0]> = {}): ParseResult {
  return parseConfiguration({ text, environment: {}, ...more });
}

function problemsOf(text: string): string[] {
  return parse(text).problems.map(({ severity, line, column, message }) => `${line}:${column} ${severity}: ${message}`);
}

function inTask(line: string): string {
  return `task:\n  ${PW}\n  ${line}\n`;
}

interface TaskJson {
  readonly name: string;
  readonly requiredGroups?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly metadata: { readonly properties: Readonly<Record<string, string>> };
  readonly instance?: Readonly<Record<string, unknown>>;
}

function tasksOf(result: ParseResult): TaskJson[] {
  return tasksToJson(result.tasks) as unknown as TaskJson[];
}

describe('problems are told, with their place', () => {
  test.each<[string, string, string[]]>([
    [
      'W1: a condition of one failing call',
      inTask('only_if: "changesInclude(\'[\')"'),
      ['3:28 error: only_if: "[" is not a path pattern: a "[" is not closed'],
    ],
    [
      'W3: a slip in labels',
      'task: {persistent_worker: {lables: {}}}\n',
      ['1:28 warning: unknown key "lables" in "persistent_worker"'],
    ],
    [
      'W3: a slip in resources',
      'task: {persistent_worker: {resuorces: {}}}\n',
      ['1:28 warning: unknown key "resuorces" in "persistent_worker"'],
    ],
    ['W3: a slip in only_if', inTask('onlyif: $X'), ['3:3 warning: unknown key "onlyif" in a task']],
    ['W3: a slip in depends_on', inTask('depend_on: x'), ['3:3 warning: unknown key "depend_on" in a task']],
    [
      'W4: an isolation that nobody knows',
      'task: {persistent_worker: {isolation: {tarrt: {image: a}}}}\n',
      ['1:40 error: there is no isolation "tarrt"'],
    ],
    [
      'W5: an empty worker',
      'persistent_worker: {labels: {os: linux}}\ntask: {persistent_worker: }\n',
      ['2:8 warning: an empty "persistent_worker" drops the labels of the root'],
    ],
    [
      'W6: several instances',
      'task: {container: {image: a}, persistent_worker: {}}\n',
      ['1:8 warning: "container" is not used: "persistent_worker" takes its place'],
    ],
    [
      'W6: a machine without image',
      'task: {persistent_worker: {isolation: {tart: {}}}}\n',
      ['1:40 error: the isolation "tart" has no image'],
    ],
    [
      'W8: a condition that YAML takes for a tag',
      inTask("only_if: !changesInclude('*.md')"),
      ['3:3 error: "only_if" begins with "!", which YAML takes for a tag'],
    ],
    ['W9: an empty matrix', inTask('matrix: {}'), ['3:3 error: a matrix without variants leaves no task']],
    ['W11: an empty dependency', inTask('depends_on: ""'), ['3:3 error: "depends_on" holds an empty name']],
    [
      'W12: a broken pattern under !=~',
      inTask("only_if: \"'a' !=~ '('\""),
      ['3:21 error: only_if: the pattern is not a regular expression: a bracket is not closed'],
    ],
    ['W13: a list in a script', inTask('script: [[a]]'), ['3:12 error: a line of "script" must be text, not a list']],
    [
      'W13: a block in a block',
      inTask('always: {on_failure: {script: x}}'),
      ['3:12 error: "on_failure" cannot stand inside "always"'],
    ],
    [
      'W13: an instruction directly in a pipe',
      'pipe: {script: x, steps: [{image: a, y_script: z}]}\n',
      ['1:8 warning: "script" stands directly in a pipe and is not run'],
    ],
    [
      'W13: a second document',
      `task: {${PW}}\n---\ntask: {${PW}}\n`,
      ['2:1 warning: a second YAML document is not read'],
    ],
    [
      'W14: a time limit beyond 32 bits',
      inTask('timeout_in: 4294967295h'),
      ['3:3 error: timeout_in: "4294967295h" is not a time limit'],
    ],
    [
      'W14: memory beyond 32 bits',
      'task: {container: {image: a, memory: 99999999G}}\n',
      ['1:30 error: memory: "99999999G" is not an amount of memory'],
    ],
    [
      'W14: endless processors',
      'task: {container: {image: a, cpu: inf}}\n',
      ['1:30 error: cpu: "inf" is not an amount'],
    ],
    [
      'W15: a key that ends like an instruction',
      inTask('dockerfile: D'),
      ['3:3 error: "dockerfile" must be a map, not text'],
    ],
    [
      'W16: an upload of a script',
      inTask('a_script: x\n  upload_caches: a'),
      ['4:3 error: there is no cache "a" before this upload'],
    ],
    [
      'W17: a property of the service',
      inTask('experimental: true'),
      ['3:3 warning: "experimental" was a matter of the hosted service and changes nothing here'],
    ],
    [
      'W18: a broken instance at the root beside a good one',
      'container: {image: a, cpu: x}\ntask: {persistent_worker: {}}\n',
      ['1:23 error: cpu: "x" is not an amount'],
    ],
    [
      'W21: all problems at once',
      'a_task: {timeout_in: 1d}\nb_task: {persistent_worker: {}, depends_on: nope}\n',
      [
        '1:1 error: the task "a" does not say where to run',
        '1:10 error: timeout_in: "1d" is not a time limit',
        '2:33 error: "b" depends on "nope", which is no task',
      ],
    ],
    [
      'W22: places of what the reference tells without one',
      inTask('cache: {folder: a}\n  script: b\n  depends_on: main\n  skip: $A =\n  container: {cpu: z, image: a}'),
      [
        '2:3 warning: "persistent_worker" is not used: "container" takes its place',
        '4:3 error: two instructions of this task are named "main"',
        '5:3 error: "main" waits for itself and can never start',
        '6:12 error: skip: a single "=" compares nothing',
        '7:15 error: cpu: "z" is not an amount',
      ],
    ],
    ['W22: broken YAML', inTask('script: "'), ['3:11 error: this quote is not closed']],
    ['W24: words that are no truth values', inTask('skip: yes'), ['3:9 error: skip: "yes" is not a truth value']],
    ['W25: a list as the file', '- a\n', ['1:1 error: the file must be a map of tasks and settings, not a list']],
    ['W25: a key that is no text', inTask('env: {A: b, 1: x}'), ['3:15 error: the key "1" is not text']],
    [
      'W26: a cache that is uploaded twice',
      inTask('a_cache: {folder: x}\n  upload_caches: [a, a]'),
      ['4:22 error: the cache "a" is uploaded twice'],
    ],
    [
      'W27: a warning in an inheritable field comes once',
      'task: {persistent_worker: {x: y}}\nb_task: {persistent_worker: {}}\n',
      ['1:28 warning: unknown key "x" in "persistent_worker"'],
    ],
  ])('%s', (_title, text, expected) => expect(problemsOf(text)).toEqual(expected));
});

test('W2: aliases of aliases are bounded', () => {
  const level = (name: string, below: string) => `${name}: &${name} [${Array(10).fill(`*${below}`).join(', ')}]\n`;
  const bomb = `a: &a [${Array(10).fill('x').join(', ')}]\n${level('b', 'a')}${level('c', 'b')}${level('d', 'c')}${level('e', 'd')}`;
  expect(problemsOf(bomb).join()).toContain('unfolds to more than');
});

test('W4: isolation none is the bare worker', () => {
  const [task] = tasksOf(parse('task: {persistent_worker: {isolation: {none: {}}}}\n'));
  expect(Object.keys(task?.instance ?? {})).toEqual(['@type']);
});

test('W7: a map merged in place counts', () => {
  expect(tasksOf(parse(`task: {${PW}, <<: {env: {A: b}}}\n`))).toMatchObject([{ environment: { A: 'b' } }]);
});

test('W9: a matrix multiplies its task, whatever keys stand between', () => {
  const text = `task: {${PW}, env: {my_pipe: x, matrix: [{A: a}, {A: b}]}, x_file: {path: p, from_contents: c}}\n`;
  expect(tasksOf(parse(text)).map(({ environment }) => environment?.A)).toEqual(['a', 'b']);
  const between = '.t: {}\ntask:\n  persistent_worker: {labels: {a_task: {matrix: {x: 1, x: 2}}}}\n';
  expect(problemsOf(between)).toHaveLength(1); // two tasks with the same mistake, not one with a doubled label
});

test('W10: a list of labels keeps all of them', () => {
  const text = `required_pr_labels: [one, two]\ntask: {${PW}}\n`;
  const [task] = tasksOf(parse(text, { declaredProperties: true }));
  expect(task?.metadata.properties.required_pr_labels).toBe('one\ntwo');
});

test('W11: a dependency that is named twice counts once', () => {
  const [, second] = tasksOf(parse(`${PW}\na_task: {alias: x}\nb_task: {depends_on: [a, x, a]}\n`));
  expect(second?.requiredGroups).toEqual(['0']);
});

test('W20: the processor that a task names counts for its image', () => {
  const imageOf = (arch: string) => {
    const text = `task: {env: {CIRRUS_ARCH: ${arch}}, container: {dockerfile: D}}\n`;
    return tasksOf(parse(text, { files: memoryFiles({ D: 'FROM x' }) }))[0]?.metadata.properties.dockerfile_hash;
  };
  expect(imageOf('arm64')).not.toBe(imageOf('amd64'));
});

test('W23: a value that comes through an alias is told where it was written and where it is used', () => {
  expect(parse(`.v: &v {A: {b: c}}\ntask: {${PW}, env: *v}\n`).problems).toMatchObject([
    { line: 1, column: 9, used: [{ line: 2, column: 36 }] },
  ]);
});

test('W29: a file whose tasks are all left out still tells them', () => {
  const { tasks, plan } = parse(`${PW}\na_task: {only_if: false}\nb_task: {only_if: false}\n`);
  expect([tasks.length, plan.map(({ name, state }) => [name, state])]).toEqual([
    0,
    [
      ['a', 'left-out'],
      ['b', 'left-out'],
    ],
  ]);
});

test('W30: an anchor may be named again inside itself', () => {
  const { tasks, problems } = parse(`.x: &x {inner: &x text, again: *x}\ntask: {${PW}, name: *x}\n`);
  expect(tasks.map(({ name }) => name)).toEqual(['text']);
  expect(problems).toMatchObject([{ line: 1, column: 5, message: 'the anchor &x is never used' }]);
  expect(problemsOf('.x: &x {again: *x}\n')).toEqual(['1:16 error: the alias *x contains itself']);
});

test('W33: a template may hold a matrix', () => {
  const text = `.t: &t {env: {matrix: [{A: a}, {A: b}]}}\ntask: {${PW}, <<: *t}\n`;
  expect(tasksOf(parse(text)).map(({ environment }) => environment?.A)).toEqual(['a', 'b']);
});

test('W37: a pattern takes time in proportion to the text', () => {
  const text = inTask(`only_if: $A =~ '(a*)*b'`);
  const { tasks } = parseConfiguration({ text, environment: { A: 'a'.repeat(5000) } });
  expect(tasks).toEqual([]);
});

test('every weakness has a test here or a line among the differences', () => {
  const here = readFileSync(import.meta.path, 'utf8');
  const there = readFileSync(resolve(import.meta.dir, '../../docs/differences.md'), 'utf8');
  const numbers = Array.from({ length: 37 }, (_, index) => `W${index + 1}`);
  const named = (text: string, number: string) => new RegExp(`\\b${number}\\b`).test(text);
  expect(
    numbers.filter((number) => !named(here.replace(/const numbers.*/s, ''), number) && !named(there, number)),
  ).toEqual([]);
});
