import { formatDuration } from '../../lib/duration.ts';
import type { StatusName } from '../model.ts';
import { isFinal } from './dependencies.ts';

/** An instruction's result as far as it was reported. */
export interface InstructionState {
  readonly name: string;
  readonly status: StatusName;
  readonly exitCode: number | null;
  /** Its shell died from a signal. */
  readonly killed: boolean;
}

export interface Outcome {
  readonly status: 'COMPLETED' | 'FAILED';
  readonly reason: string | null;
}

/** How long the task has run, and how long it may, both in milliseconds. */
export interface Budget {
  readonly ranMs: number;
  readonly timeoutMs: number;
}

function failure({ name, exitCode, killed }: InstructionState, { ranMs, timeoutMs }: Budget): string {
  if (exitCode !== null) return `instruction "${name}" failed with exit code ${exitCode}`;
  if (killed) return `instruction "${name}" was ended by a signal`;
  if (ranMs >= timeoutMs)
    return `instruction "${name}" was stopped when the task timed out after ${formatDuration(timeoutMs)}`;
  return `instruction "${name}" failed`;
}

/** The result of a task whose agent said that it has finished: a failed instruction fails the task. */
export function outcomeOf(instructions: readonly InstructionState[], budget: Budget): Outcome {
  const failed = instructions.find(({ status }) => status === 'FAILED' || status === 'ABORTED');
  return failed === undefined
    ? { status: 'COMPLETED', reason: null }
    : { status: 'FAILED', reason: failure(failed, budget) };
}

/** The result of a task that has stopped without a final report, by what its instructions came to. */
export function outcomeWithoutReport(
  instructions: readonly InstructionState[],
  budget: Budget,
  problem: string | null,
): Outcome {
  const open = instructions.find(({ status }) => !isFinal(status));
  const known = outcomeOf(instructions, budget);
  if (known.status === 'FAILED' || open === undefined) return known;
  const where = open.status === 'EXECUTING' ? `during instruction "${open.name}"` : `before instruction "${open.name}"`;
  const why = problem === null ? '' : `: ${problem}`;
  return { status: 'FAILED', reason: `the agent ended ${where} without reporting a result${why}` };
}
