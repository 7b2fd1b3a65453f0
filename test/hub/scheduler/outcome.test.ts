import { describe, expect, test } from 'bun:test';
import type { StatusName } from '../../../src/hub/model.ts';
import { type InstructionState, outcomeOf, outcomeWithoutReport } from '../../../src/hub/scheduler/outcome.ts';

const step = (name: string, status: StatusName, over: Partial<InstructionState> = {}): InstructionState => ({
  name,
  status,
  exitCode: null,
  killed: false,
  ...over,
});
const early = { ranMs: 1_000, timeoutMs: 60_000 };
const late = { ranMs: 60_000, timeoutMs: 60_000 };

test.each<[InstructionState[], typeof early, string | null]>([
  [[], early, null],
  [[step('a', 'COMPLETED'), step('b', 'SKIPPED')], early, null],
  [[step('a', 'FAILED', { exitCode: 3 }), step('b', 'COMPLETED')], early, 'instruction "a" failed with exit code 3'],
  [[step('a', 'FAILED', { killed: true })], early, 'instruction "a" was ended by a signal'],
  [[step('a', 'FAILED')], late, 'instruction "a" was stopped when the task timed out after 1m'],
  [[step('a', 'FAILED')], early, 'instruction "a" failed'],
  [
    [step('a', 'FAILED', { exitCode: 1 }), step('b', 'FAILED', { exitCode: 2 })],
    early,
    'instruction "a" failed with exit code 1',
  ],
])('finished with %j', (instructions, budget, reason) => {
  expect(outcomeOf(instructions, budget)).toEqual({ status: reason === null ? 'COMPLETED' : 'FAILED', reason });
});

describe('stopped without a final report', () => {
  test.each<[InstructionState[], string | null, string | null]>([
    [[], null, null],
    [[step('a', 'COMPLETED')], null, null],
    [[step('a', 'FAILED', { exitCode: 3 }), step('b', 'CREATED')], 'boom', 'instruction "a" failed with exit code 3'],
    [[step('a', 'EXECUTING')], null, 'the agent ended during instruction "a" without reporting a result'],
    [
      [step('a', 'COMPLETED'), step('b', 'CREATED')],
      'no space',
      'the agent ended before instruction "b" without reporting a result: no space',
    ],
  ])('%j', (instructions, problem, reason) => {
    expect(outcomeWithoutReport(instructions, early, problem)).toEqual({
      status: reason === null ? 'COMPLETED' : 'FAILED',
      reason,
    });
  });
});
