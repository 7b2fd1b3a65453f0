import { wildcardMatches } from '../../lib/wildcard.ts';
import type { ProcessInfo } from '../../platform/process-table.ts';

/** How a runner shows in the process table. All of it is decided on the command line alone, argv joined by spaces. */
export interface RunnerShape {
  /** The process that takes jobs from its server. */
  readonly isRunner: (command: string) => boolean;
  /** A process that is there as long as a job runs. */
  readonly isJob: (command: string) => boolean;
  /** Every child of the runner is a job: it starts nothing else. */
  readonly childrenAreJobs: boolean;
}

export interface BusyRule {
  readonly shape: RunnerShape | undefined;
  /** Each matches a process whose command line contains it; `*` stands for any run of characters. */
  readonly patterns: readonly string[];
}

/** Whether `command` contains `pattern`, in which `*` stands for any run of characters. */
export function commandContains(command: string, pattern: string): boolean {
  return wildcardMatches(`*${pattern}*`, command);
}

/** Of `table`, the processes of the user `uid` that keep the machine busy; `ownPid`, the supervisor, never does. */
export function busyProcesses(
  table: readonly ProcessInfo[],
  uid: number,
  { shape, patterns }: BusyRule,
  ownPid: number,
): ProcessInfo[] {
  const own = table.filter((info) => info.uid === uid && info.pid !== ownPid);
  const runners = new Set(shape === undefined ? [] : own.filter(({ command }) => shape.isRunner(command)));
  const runnerPids = new Set([...runners].map(({ pid }) => pid));
  return own.filter((info) => {
    if (patterns.some((pattern) => commandContains(info.command, pattern))) return true;
    if (shape === undefined || runners.has(info)) return false;
    return shape.isJob(info.command) || (shape.childrenAreJobs && runnerPids.has(info.ppid));
  });
}

/** Of `family`, the runner's own processes that no other of them started: helpers of the same name are left out. */
export function runnersOf(family: readonly ProcessInfo[], shape: RunnerShape): ProcessInfo[] {
  const found = family.filter(({ command }) => shape.isRunner(command));
  return found.filter(({ ppid }) => !found.some(({ pid }) => pid === ppid));
}
