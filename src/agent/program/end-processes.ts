import type { Clock } from '../../platform/clock.ts';
import { descendantsOf, findByEnvironment, listProcesses, type ProcessInfo } from '../../platform/process-table.ts';
import { sendSignal } from '../../platform/processes.ts';

/** Variables that mark what a run of the agent, and each of its steps, has started. Values are random: runs may nest. */
export const RUN_MARK = 'PWAGENT_RUN_MARK';
export const STEP_MARK = 'PWAGENT_STEP_MARK';

/** Rounds of looking and killing: a process that forks while it is looked at is found in the next one. */
const KILL_ROUNDS = 5;
const FIRST_POLL_MS = 5;
const MAX_POLL_MS = 100;

/** Living members of a process group. */
export function groupMembers(pgid: number): readonly ProcessInfo[] {
  if (!sendSignal(-pgid, 0)) return []; // the usual case, without reading the whole table
  return listProcesses().filter((info) => info.pgid === pgid && info.pid !== process.pid);
}

/** Living processes whose environment carries a mark. */
export function markedProcesses(name: string, value: string): readonly ProcessInfo[] {
  const marked = new Set(findByEnvironment(name, value));
  return listProcesses().filter((info) => marked.has(info.pid) && info.pid !== process.pid);
}

/**
 * All that a program has started and that still lives: its group, its descendants in whatever session, and, by the mark
 * in their environment, those whose parents have died.
 */
export function programTree(leader: number, mark: string): readonly ProcessInfo[] {
  const table = listProcesses();
  const marked = new Set(findByEnvironment(STEP_MARK, mark));
  const roots = table.filter((info) => info.pid === leader || info.pgid === leader || marked.has(info.pid));
  const all = new Set(roots.flatMap((info) => [info, ...descendantsOf(table, info.pid)]));
  return [...all].filter((info) => info.pid !== process.pid);
}

function isSame(left: ProcessInfo, right: ProcessInfo): boolean {
  return left.pid === right.pid && left.started === right.started;
}

/** Of `known`, what lives still; the number alone would not tell a process from a later one. */
function survivors(known: readonly ProcessInfo[]): ProcessInfo[] {
  if (known.length === 0) return [];
  const table = listProcesses();
  return known.filter((info) => table.some((other) => isSame(info, other)));
}

function union(left: readonly ProcessInfo[], right: readonly ProcessInfo[]): ProcessInfo[] {
  return [...left, ...right.filter((info) => !left.some((other) => isSame(info, other)))];
}

async function waitUntilGone(known: readonly ProcessInfo[], ms: number, clock: Clock, hurry: AbortSignal) {
  const endMs = clock.monoMs() + ms;
  let pollMs = FIRST_POLL_MS;
  while (survivors(known).length > 0 && clock.monoMs() < endMs && !hurry.aborted) {
    await clock.sleep(pollMs, hurry).catch(() => {}); // the loop looks at the signal itself
    pollMs = Math.min(MAX_POLL_MS, pollMs * 2);
  }
}

/**
 * Ends processes in good order: TERM, at most `graceMs` of waiting (cut short by `hurry`), then KILL to what is left and
 * to what has been started meanwhile. `find` looks for them anew each time.
 */
export async function endProcesses(
  find: () => readonly ProcessInfo[],
  graceMs: number,
  clock: Clock,
  hurry: AbortSignal,
): Promise<void> {
  let known: readonly ProcessInfo[] = find();
  if (known.length === 0) return;
  for (const { pid } of known) sendSignal(pid, 'SIGTERM');
  await waitUntilGone(known, graceMs, clock, hurry);
  for (let round = 0; round < KILL_ROUNDS; round += 1) {
    known = union(survivors(known), find());
    if (known.length === 0) return;
    for (const { pid } of known) sendSignal(pid, 'SIGKILL');
    await waitUntilGone(known, MAX_POLL_MS, clock, AbortSignal.any([]));
  }
}
