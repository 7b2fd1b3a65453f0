import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { drawTasks } from '../../src/cirrus-yml/draw-tasks.ts';
import { type ParseResult, parseConfiguration } from '../../src/cirrus-yml/parse-configuration.ts';
import { tasksToJson } from '../../src/cirrus-yml/tasks-json.ts';
import { memoryFiles } from './memory-files.ts';

const CASES = resolve(import.meta.dir, '../conformance/cirrus-yml');

/** Good files, to be broken. */
export const SAMPLES: readonly string[] = readdirSync(CASES)
  .filter((name) => name.endsWith('.yml'))
  .sort()
  .map((name) => readFileSync(resolve(CASES, name), 'utf8'));

/** Pieces of text that mean something, to YAML or to the language. */
export const mark = fc.constantFrom(
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

type Edit =
  | { readonly tag: 'cut'; readonly length: number }
  | { readonly tag: 'put'; readonly text: string }
  /** Swaps a character with the next one, as fingers do. */
  | { readonly tag: 'swap' }
  /** Writes a line again, so many spaces deeper (or, below zero, less deep). */
  | { readonly tag: 'shift'; readonly by: number; readonly keep: boolean };

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ tag: fc.constant('cut' as const), length: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ tag: fc.constant('put' as const), text: mark }),
  fc.constant({ tag: 'swap' as const }),
  fc.record({ tag: fc.constant('shift' as const), by: fc.integer({ min: -4, max: 4 }), keep: fc.boolean() }),
);

function shiftLine(text: string, at: number, by: number, keep: boolean): string {
  const start = text.lastIndexOf('\n', at - 1) + 1;
  const end = text.indexOf('\n', at) < 0 ? text.length : text.indexOf('\n', at) + 1;
  const line = text.slice(start, end);
  const shifted = by >= 0 ? ' '.repeat(by) + line : line.slice(Math.min(-by, line.search(/[^ ]|$/)));
  return text.slice(0, start) + (keep ? line : '') + shifted + text.slice(end);
}

function applyEdit(text: string, at: number, change: Edit): string {
  switch (change.tag) {
    case 'cut':
      return text.slice(0, at) + text.slice(at + change.length);
    case 'put':
      return text.slice(0, at) + change.text + text.slice(at);
    case 'swap':
      return text.slice(0, at) + (text[at + 1] ?? '') + (text[at] ?? '') + text.slice(at + 2);
    case 'shift':
      return shiftLine(text, at, change.by, change.keep);
  }
}

/** Good documents with one to four slips anywhere in them. */
export function mutated(documents: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const slip = fc.record({ where: fc.double({ min: 0, max: 1, noNaN: true }), change: edit });
  return fc
    .tuple(documents, fc.array(slip, { minLength: 1, maxLength: 4 }))
    .map(([document, slips]) =>
      slips.reduce((text, { where, change }) => applyEdit(text, Math.floor(where * text.length), change), document),
    );
}

/** Parses with all that a caller may give. */
export function parseAll(text: string): ParseResult {
  const files = memoryFiles({ D: text, src: text });
  return parseConfiguration({ text, environment: { A: 'b' }, files, declaredProperties: true });
}

function insist(holds: boolean, promise: string, found: unknown): void {
  if (!holds) throw new Error(`${promise}, but: ${JSON.stringify(found)}`);
}

/** Whatever goes in: tasks or errors come out, and every place lies inside the text. Throws where that is not so. */
export function checkResult(text: string, { tasks, problems, foreign, plan }: ParseResult): void {
  insist(drawTasks(plan).split('\n').length - 1 <= plan.length, 'a task is drawn once at most', plan);
  insist(tasksToJson(tasks).length === tasks.length, 'every task is printed', tasks.length);
  const lines = text.split('\n');
  for (const problem of [...problems, ...foreign]) {
    for (const { line, column } of [problem, ...(problem.used ?? [])]) {
      insist(line >= 1 && line <= lines.length, 'the line is one of the text', problem);
      insist(column >= 1 && column <= (lines[line - 1]?.length ?? 0) + 1, 'the column is one of the line', problem);
    }
    insist(!/undefined|\[object|NaN|\.$/.test(problem.message), 'a message is a sentence', problem);
  }
  const broken = problems.some(({ severity }) => severity === 'error');
  insist(!broken || tasks.length === 0, 'a broken file has no tasks', problems);
}
