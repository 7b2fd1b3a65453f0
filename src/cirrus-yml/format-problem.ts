import type { Problem, TextPlace } from './problem.ts';

interface ProblemStyle {
  /** Name of the file for people. */
  readonly file: string;
  /** Its text, to show the line. */
  readonly text: string;
  readonly colour: boolean;
}

/** Characters of a long line that are shown, the caret among them. */
const MAX_SHOWN = 120;
const LEAD = 60;

const PAINT = { error: '\x1b[1;31m', warning: '\x1b[1;33m', caret: '\x1b[32m', bold: '\x1b[1m' } as const;

function paint(text: string, style: keyof typeof PAINT, colour: boolean): string {
  return colour ? `${PAINT[style]}${text}\x1b[0m` : text;
}

/** A configuration may come from anybody: its control characters must not reach the terminal. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}|\p{Cf}/gu, (character) => (character === '\t' ? ' ' : '?'));
}

function excerpt({ line, column }: TextPlace, { text, colour }: ProblemStyle): string {
  const whole = printable(text.split('\n')[line - 1]?.replace(/\r$/, '') ?? '');
  const start = whole.length > MAX_SHOWN ? Math.max(0, column - 1 - LEAD) : 0;
  const shown = whole.slice(start, start + MAX_SHOWN).trimEnd();
  if (shown === '') return '';
  return `  ${shown}\n  ${' '.repeat(column - 1 - start)}${paint('^', 'caret', colour)}\n`;
}

/** `file:line:column: error: sentence; remedy`, then the line of the file with a caret below, then the aliases that use it. */
export function formatProblem(problem: Problem, style: ProblemStyle): string {
  const { line, column, severity, message, hint } = problem;
  const place = paint(`${style.file}:${line}:${column}:`, 'bold', style.colour);
  const kind = paint(`${severity}:`, severity, style.colour);
  const sentence = printable(hint === undefined ? message : `${message}; ${hint}`);
  const used = (problem.used ?? []).map(
    (use) => `  used at ${style.file}:${use.line}:${use.column}\n${excerpt(use, style)}`,
  );
  return `${place} ${kind} ${sentence}\n${excerpt(problem, style)}${used.join('')}`;
}

function count(amount: number, word: string): string {
  return `${amount} ${word}${amount === 1 ? '' : 's'}`;
}

/** `3 tasks, no problems`, `1 task, 2 warnings` or `2 errors, 1 warning`. */
export function summarize(taskCount: number, problems: readonly Problem[]): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - errors;
  const parts = [
    ...(errors === 0 ? [count(taskCount, 'task')] : [count(errors, 'error')]),
    ...(warnings === 0 ? [] : [count(warnings, 'warning')]),
    ...(problems.length === 0 ? ['no problems'] : []),
  ];
  return parts.join(', ');
}
