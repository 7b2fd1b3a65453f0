import { AppError } from '../lib/errors.ts';
import type { Clock } from '../platform/clock.ts';
import { findProcess } from '../platform/process-table.ts';
import { sendSignal } from '../platform/processes.ts';

const GRACE_MS = 5_000;
const KILL_MS = 5_000;
const LOOK_MS = 100;

/**
 * Ends a process that was listed: SIGTERM, a grace, SIGKILL. Its start is compared before each signal, so that nothing
 * that has got its id since is touched. Throws `AppError` when it does not go.
 */
export async function endListed(pid: number, started: string, clock: Clock, signal: AbortSignal): Promise<void> {
  const lives = () => findProcess(pid)?.started === started;
  for (const [name, waitMs] of [
    ['SIGTERM', GRACE_MS],
    ['SIGKILL', KILL_MS],
  ] as const) {
    if (!lives()) return;
    sendSignal(pid, name);
    const limitMs = clock.monoMs() + waitMs;
    while (lives() && clock.monoMs() < limitMs) await clock.sleep(LOOK_MS, signal);
  }
  if (lives()) throw new AppError('UNAVAILABLE', `process ${pid} does not end`, { hint: 'restart the machine' });
}
