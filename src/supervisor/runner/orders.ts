import type { Clock } from '../../platform/clock.ts';
import type { ProcessInfo } from '../../platform/process-table.ts';
import { spawn } from '../../platform/processes.ts';
import { programRunner, type RunProgram } from '../../platform/run-program.ts';
import type { ProcessPort } from '../process-family.ts';
import type { WorkerPlan } from '../worker-plan.ts';
import { type RunnerShape, runnersOf } from './busy-rule.ts';

export interface OrderDeps {
  readonly plan: WorkerPlan;
  readonly clock: Clock;
  /** Takes what the program prints, beside the runner's own words. */
  readonly output: (data: Uint8Array) => void;
}

/** Runs a program that tells the runner something, as the worker's user; it finds the process in PWAGENT_RUNNER_PID. */
export function orderProgram({ plan, clock, output }: OrderDeps, runnerPid: () => number | undefined): RunProgram {
  return programRunner(clock, async (argv) => {
    const pid = runnerPid();
    const child = await spawn({
      argv,
      env: { ...plan.env, ...(pid === undefined ? {} : { PWAGENT_RUNNER_PID: String(pid) }) },
      cwd: plan.cwd,
      stdout: 'pipe',
      stderr: 'pipe',
      ...(plan.switchTo === undefined ? {} : { user: plan.switchTo }),
    });
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', output);
    return child;
  });
}

/**
 * Sends a signal to the runner itself, never to the jobs that it has started: to the processes of `family` that have
 * the runner's shape, or without one to `started`, the process that the supervisor started. Null, or what went wrong.
 */
export function signalRunner(
  name: NodeJS.Signals,
  family: readonly ProcessInfo[],
  started: number | undefined,
  shape: RunnerShape | undefined,
  processes: Pick<ProcessPort, 'signal'>,
): string | null {
  const own = family.filter(({ pid }) => pid === started);
  const targets = shape === undefined ? own : runnersOf(family, shape);
  for (const { pid } of targets) processes.signal(pid, name);
  return targets.length > 0 ? null : 'no process of the worker is the runner that worker.busy.preset names';
}
