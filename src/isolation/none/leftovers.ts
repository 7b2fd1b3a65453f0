import type { Clock } from '../../platform/clock.ts';
import { findByEnvironment } from '../../platform/process-table.ts';
import { sendSignal } from '../../platform/processes.ts';

/** Variable that marks everything a task starts. Its value is random, so no other task, hub or worker shares it. */
export const TASK_MARK = 'PWAGENT_TASK_MARK';

/** A process shows no environment while it is replacing its program, so one look that finds nothing proves little. */
const EMPTY_LOOKS = 2;
const BETWEEN_LOOKS_MS = 10;

/** Looks at most: a task that forks faster than it is killed must not hold up the worker for ever. */
const MAX_LOOKS = 200;

/** Kills whatever still carries this mark, however it detached itself. Resolves with how many processes that were. */
export async function killMarked(mark: string, clock: Clock): Promise<number> {
  const killed = new Set<number>();
  const never = new AbortController().signal;
  for (let looks = 0, empty = 0; looks < MAX_LOOKS && empty < EMPTY_LOOKS; looks += 1) {
    if (looks > 0) await clock.sleep(BETWEEN_LOOKS_MS, never);
    const found = findByEnvironment(TASK_MARK, mark).filter((pid) => pid !== process.pid);
    empty = found.length === 0 ? empty + 1 : 0;
    for (const pid of found) {
      if (sendSignal(pid, 'SIGKILL')) killed.add(pid);
    }
  }
  return killed.size;
}
