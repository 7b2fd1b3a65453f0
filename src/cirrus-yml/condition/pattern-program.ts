import { AppError } from '../../lib/errors.ts';
import { LIMITS } from '../limits.ts';

/** A set of characters, by code point. */
export type CharacterSet = (codePoint: number) => boolean;

/** A parsed pattern, from a regular expression or a glob. */
export type PatternNode =
  | { readonly tag: 'set'; readonly has: CharacterSet }
  | { readonly tag: 'assert'; readonly what: 'start' | 'end' | 'boundary' | 'inside' }
  | { readonly tag: 'sequence'; readonly parts: readonly PatternNode[] }
  | { readonly tag: 'choice'; readonly options: readonly PatternNode[] }
  | { readonly tag: 'repeat'; readonly part: PatternNode; readonly min: number; readonly max: number };

/** Pattern steps that the conditions of one file may still try. */
export interface PatternBudget {
  steps: number;
}

type Step =
  | { readonly tag: 'set'; readonly has: CharacterSet }
  | { readonly tag: 'assert'; readonly what: 'start' | 'end' | 'boundary' | 'inside' }
  | { readonly tag: 'fork'; targets: number[] }
  | { readonly tag: 'found' };

function emitRepeat(node: Extract<PatternNode, { tag: 'repeat' }>, program: Step[], budget: PatternBudget): void {
  for (let count = 0; count < node.min; count += 1) emit(node.part, program, budget);
  const forks: { targets: number[] }[] = [];
  const endless = node.max === Number.POSITIVE_INFINITY;
  for (let count = node.min; count < (endless ? node.min + 1 : node.max); count += 1) {
    const fork = { tag: 'fork' as const, targets: [program.length + 1] };
    const here = program.push(fork) - 1;
    emit(node.part, program, budget);
    if (endless) program.push({ tag: 'fork', targets: [here] });
    forks.push(fork);
  }
  for (const fork of forks) fork.targets.push(program.length);
}

function emitChoice(options: readonly PatternNode[], program: Step[], budget: PatternBudget): void {
  const start = { tag: 'fork' as const, targets: [] as number[] };
  program.push(start);
  const ends: { targets: number[] }[] = [];
  for (const option of options) {
    start.targets.push(program.length);
    emit(option, program, budget);
    const end = { tag: 'fork' as const, targets: [] as number[] };
    program.push(end);
    ends.push(end);
  }
  for (const end of ends) end.targets.push(program.length);
}

function emit(node: PatternNode, program: Step[], budget: PatternBudget): void {
  budget.steps -= 1;
  if (program.length > LIMITS.patternSteps || budget.steps < 0)
    throw new AppError('CONFIG', 'the pattern is too large');
  if (node.tag === 'set' || node.tag === 'assert') program.push(node);
  else if (node.tag === 'sequence') for (const part of node.parts) emit(part, program, budget);
  else if (node.tag === 'choice') emitChoice(node.options, program, budget);
  else emitRepeat(node, program, budget);
}

function isWord(codePoint: number | undefined): boolean {
  return codePoint !== undefined && /\w/.test(String.fromCodePoint(codePoint));
}

function holds(what: 'start' | 'end' | 'boundary' | 'inside', points: readonly number[], at: number): boolean {
  if (what === 'start') return at === 0;
  if (what === 'end') return at === points.length;
  return (isWord(points[at - 1]) !== isWord(points[at])) === (what === 'boundary');
}

/**
 * Makes a test for texts that contain the pattern. All alternatives advance together, one character at a time, so the
 * work is at most (length of the text) × (size of the pattern): no pattern can make it run away.
 */
export function compileProgram(pattern: PatternNode, budget: PatternBudget): (text: string) => boolean {
  const program: Step[] = [];
  emit(pattern, program, budget);
  program.push({ tag: 'found' });

  /** Adds `index` and all steps that it leads to without reading a character. */
  function follow(index: number, reached: Set<number>, points: readonly number[], at: number): void {
    const waiting = [index];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (reached.has(next)) continue;
      reached.add(next);
      budget.steps -= 1;
      const step = program[next];
      if (step?.tag === 'fork') waiting.push(...step.targets);
      else if (step?.tag === 'assert' && holds(step.what, points, at)) waiting.push(next + 1);
    }
  }

  return (text) => {
    const points = [...text].map((character) => character.codePointAt(0) ?? 0);
    let states = new Set<number>();
    for (let at = 0; at <= points.length; at += 1) {
      follow(0, states, points, at);
      if (states.has(program.length - 1)) return true;
      if (budget.steps < 0)
        throw new AppError('CONFIG', 'the patterns of this file are too much work', { hint: 'simplify them' });
      const following = new Set<number>();
      for (const index of states) {
        const step = program[index];
        if (step?.tag === 'set' && step.has(points[at] ?? -1)) follow(index + 1, following, points, at + 1);
      }
      states = following;
    }
    return false;
  };
}
