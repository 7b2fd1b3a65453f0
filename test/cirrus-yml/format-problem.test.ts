import { describe, expect, test } from 'bun:test';
import { formatProblem, summarize } from '../../src/cirrus-yml/format-problem.ts';
import type { Problem } from '../../src/cirrus-yml/problem.ts';

const problem = (column: number, message = 'wrong', hint?: string): Problem => ({
  severity: 'error',
  line: 2,
  column,
  message,
  hint,
});

describe('a problem for people', () => {
  test.each([
    ['with its line', 'a:\n  b: c\r\nd:', problem(3), 'f:2:3: error: wrong\n    b: c\n    ^\n'],
    ['with a remedy', 'a:\nb', problem(1, 'wrong', 'mend it'), 'f:2:1: error: wrong; mend it\n  b\n  ^\n'],
    ['behind the end of the text', 'a:\n', problem(1), 'f:2:1: error: wrong\n'],
    ['a tab counts as one column', 'a:\n\tb', problem(2), 'f:2:2: error: wrong\n   b\n   ^\n'],
    [
      'control characters stay out',
      'a\n\x1b[2Jb\u202e',
      problem(5, 'bad "\x1b"'),
      'f:2:5: error: bad "?"\n  ?[2Jb?\n      ^\n',
    ],
    [
      'a long line is cut',
      `a\n${'x'.repeat(200)}y${'z'.repeat(200)}`,
      problem(201),
      `f:2:201: error: wrong\n  ${'x'.repeat(60)}y${'z'.repeat(59)}\n  ${' '.repeat(60)}^\n`,
    ],
  ])('%s', (_title, text, input, expected) => {
    expect(formatProblem(input, { file: 'f', text, colour: false })).toBe(expected);
  });

  test('in colours', () => {
    const shown = formatProblem(problem(1), { file: 'f', text: 'a\nb', colour: true });
    expect(shown).toBe('\x1b[1mf:2:1:\x1b[0m \x1b[1;31merror:\x1b[0m wrong\n  b\n  \x1b[32m^\x1b[0m\n');
  });
});

describe('the summary', () => {
  const warning: Problem = { ...problem(1), severity: 'warning' };
  test.each<[number, Problem[], string]>([
    [0, [], '0 tasks, no problems'],
    [1, [], '1 task, no problems'],
    [3, [warning], '3 tasks, 1 warning'],
    [0, [problem(1), problem(2), warning], '2 errors, 1 warning'],
  ])('%d tasks', (tasks, problems, expected) => {
    expect(summarize(tasks, problems)).toBe(expected);
  });
});
