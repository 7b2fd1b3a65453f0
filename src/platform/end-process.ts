import type { Clock } from './clock.ts';
import { descendantsOf, listProcesses } from './process-table.ts';
import { type Child, type Exit, sendSignal } from './processes.ts';

/**
 * Ends a child and all that descends from it: SIGTERM to the child, which may need `graceMs` to end in good order, then
 * SIGKILL to what is left. Descendants are noted before, since they change parents when theirs dies.
 */
export async function endProcess(child: Child, graceMs: number, clock: Clock): Promise<Exit> {
  const before = descendantsOf(listProcesses(), child.pid);
  child.signal('SIGTERM');
  const cancel = clock.after(graceMs, () => child.signalGroup('SIGKILL'));
  const exit = await child.exited;
  cancel();
  child.signalGroup('SIGKILL');
  const now = listProcesses();
  for (const { pid, started } of before) {
    if (now.some((other) => other.pid === pid && other.started === started)) sendSignal(pid, 'SIGKILL');
  }
  return exit;
}
