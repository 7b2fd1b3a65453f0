import { constants } from 'node:os';
import type { SupervisorConfig, Telling } from '../config.ts';
import type { BusyRule } from './busy-rule.ts';
import type { DrainWay, RunnerOrder } from './intake.ts';
import { presetOf } from './presets.ts';

/** How a runner of others is watched and told. */
export interface RunnerPlan {
  readonly busy: BusyRule;
  readonly drain: DrainWay;
  readonly undrain: RunnerOrder | undefined;
  /** Undefined: nothing tells whether its loop turns. */
  readonly progressFile: string | undefined;
}

function isSignal(name: string): name is NodeJS.Signals {
  return Object.hasOwn(constants.signals, name);
}

function orderOf({ signal, command }: Telling): RunnerOrder | undefined {
  if (command !== undefined) return { tag: 'command', argv: command };
  return signal !== undefined && isSignal(signal) ? { tag: 'signal', signal } : undefined;
}

/** An order of the configuration goes before the preset's, and is given at once: whoever wrote it knows the runner. */
export function planRunner(worker: SupervisorConfig['worker']): RunnerPlan {
  const { shape, drain: usual } = presetOf(worker.busy.preset);
  const own = orderOf(worker.drain);
  return {
    busy: { shape, patterns: worker.busy.processes },
    drain: own === undefined ? usual : own.tag === 'signal' ? { ...own, when: 'at-once' } : own,
    undrain: orderOf(worker.undrain),
    progressFile: worker.progress?.file,
  };
}

/** What about a command worker's configuration deserves a warning. */
export function runnerWarnings({ busy }: SupervisorConfig['worker']): string[] {
  if (busy.preset !== 'none' || busy.processes.length > 0) return [];
  return ['worker.busy names neither a preset nor processes: the machine counts as idle whatever the worker runs'];
}
