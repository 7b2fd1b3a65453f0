import { findByEnvironment } from '../../platform/process-table.ts';
import { sendSignal } from '../../platform/processes.ts';

/** Variable that marks everything a task starts. Its value is random, so no other task, hub or worker shares it. */
export const TASK_MARK = 'PWAGENT_TASK_MARK';

/** Rounds of looking and killing: a process that forks while it is looked at is found in the next one. */
const ROUNDS = 5;

/** Kills whatever still carries this mark, however it detached itself. Returns how many processes that were. */
export function killMarked(mark: string): number {
  const killed = new Set<number>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const found = findByEnvironment(TASK_MARK, mark).filter((pid) => pid !== process.pid);
    if (found.length === 0) break;
    for (const pid of found) {
      if (sendSignal(pid, 'SIGKILL')) killed.add(pid);
    }
  }
  return killed.size;
}
