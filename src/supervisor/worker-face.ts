import type { Logger } from '../lib/log.ts';
import { listProcesses } from '../platform/process-table.ts';
import { sendSignal } from '../platform/processes.ts';
import type { SupervisorConfig } from './config.ts';
import type { Life } from './life.ts';
import type { ProcessPort } from './process-family.ts';
import { CommandWorker } from './runner/command-worker.ts';
import { planRunner } from './runner/runner-plan.ts';
import { type KeeperDeps, type KeeperEvents, WorkerKeeper } from './worker-keeper.ts';
import { openWorkerLog } from './worker-log.ts';

/** What the session needs of a worker, whichever it is. */
export type Worker = Pick<
  WorkerKeeper,
  'marks' | 'process' | 'silentMs' | 'send' | 'start' | 'end' | 'kill' | 'left' | 'refresh'
>;

export interface WorkerParts extends Pick<KeeperDeps, 'plan' | 'clock' | 'leave'> {
  readonly config: SupervisorConfig;
  /** What a predecessor left is ended before the first worker starts. */
  readonly life: Pick<Life, 'leftovers'>;
  readonly log: Logger;
}

/** The worker of this configuration, on this machine. */
export function makeWorker(parts: WorkerParts, events: KeeperEvents): Worker {
  const { config, plan, clock, leave, life, log } = parts;
  const { logFile, logLimitBytes, graceMs, mode } = config.worker;
  const processes: ProcessPort = {
    ownPid: process.pid,
    list: listProcesses,
    signal: (pid, name) => void sendSignal(pid, name),
  };
  const output = openWorkerLog(logFile, logLimitBytes, log);
  const deps: KeeperDeps = { plan, graceMs, clock, processes, output, leave, events };
  if (mode === 'builtin') return new WorkerKeeper(deps, life.leftovers);
  const { drainPollMs } = config.life;
  return new CommandWorker({ ...deps, runner: planRunner(config.worker), drainPollMs, log }, life.leftovers);
}
