import type { Logger } from '../lib/log.ts';
import type { SupervisorConfig } from './config.ts';
import type { ProcessMark } from './process-family.ts';
import { CommandWorker } from './runner/command-worker.ts';
import { planRunner } from './runner/runner-plan.ts';
import { type KeeperDeps, WorkerKeeper } from './worker-keeper.ts';

/** What the session needs of a worker, whichever it is. */
export type Worker = Pick<
  WorkerKeeper,
  'marks' | 'process' | 'silentMs' | 'send' | 'start' | 'end' | 'kill' | 'left' | 'refresh'
>;

/** `leftovers`: what a predecessor left; ended before the first worker starts. */
export function makeWorker(
  config: SupervisorConfig,
  deps: KeeperDeps,
  leftovers: readonly ProcessMark[],
  log: Logger,
): Worker {
  if (config.worker.mode === 'builtin') return new WorkerKeeper(deps, leftovers);
  const { drainPollMs } = config.life;
  return new CommandWorker({ ...deps, runner: planRunner(config.worker), drainPollMs, log }, leftovers);
}
