import type { SupervisorConfig } from './config.ts';
import type { Limits, Policy } from './policy-types.ts';

/** The rules' numbers, from the configuration and the limits of this life. */
export function policyOf({ life, worker, metadata, minFreeBytes }: SupervisorConfig, limits: Limits): Policy {
  const { drainPollMs, maxTasks, noticeMarginMs } = life;
  const { onExit, onDirty, restartLimit, restartWindowMs } = worker;
  const { readyPollMs, lostAfterMs, source } = metadata;
  return {
    ...limits,
    drainPollMs,
    maxTasks,
    noticeMarginMs,
    onExit,
    onDirty,
    restartLimit,
    restartWindowMs,
    staleAfterMs: worker.progress?.staleAfterMs ?? worker.staleAfterMs,
    readyPollMs,
    lostAfterMs,
    minFreeBytes,
    servesWhenReady: worker.mode === 'command' && source === 'ec2',
  };
}
