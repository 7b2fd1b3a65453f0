import type { Clock } from '../platform/clock.ts';
import { descendantsOf, type ProcessInfo } from '../platform/process-table.ts';

/** A process that was seen: with `started` it is told from a later one of the same id. */
export interface ProcessMark {
  readonly pid: number;
  readonly started: string;
}

/** The processes of the machine, as far as this room touches them. `signal` to a negative id reaches a group. */
export interface ProcessPort {
  readonly ownPid: number;
  list(): readonly ProcessInfo[];
  signal(pid: number, name: NodeJS.Signals): void;
}

/** How long a process that was sent KILL may take to leave the table. */
const KILL_WAIT_MS = 2_000;
const POLL_MS = 100;

/** At most this many are kept in mind; a fork bomb must not fill the journal. */
const MAX_MARKS = 1_000;

/**
 * What of `table` belongs to the marked processes: those still alive, what descends from them, and what shares a
 * process group that one of them leads. `deadLeader` is a leader that was seen to die just now, so that its id
 * cannot belong to anybody else yet.
 */
export function familyOf(
  table: readonly ProcessInfo[],
  marks: readonly ProcessMark[],
  ownPid: number,
  deadLeader?: number,
): ProcessInfo[] {
  const marked = (info: ProcessInfo) => marks.some(({ pid, started }) => info.pid === pid && info.started === started);
  const family = new Set(table.filter((info) => marked(info) || info.pgid === deadLeader));
  for (const info of family) {
    for (const child of descendantsOf(table, info.pid)) family.add(child);
    if (info.pgid !== info.pid) continue;
    for (const member of table) if (member.pgid === info.pid) family.add(member);
  }
  return [...family].filter(({ pid }) => pid > 1 && pid !== ownPid);
}

/** The marks with the family added, the oldest first. */
export function withFamily(marks: readonly ProcessMark[], family: readonly ProcessInfo[]): ProcessMark[] {
  const known = new Set(marks.map(({ pid, started }) => `${pid} ${started}`));
  const fresh = family.filter(({ pid, started }) => !known.has(`${pid} ${started}`));
  return [...marks, ...fresh.map(({ pid, started }) => ({ pid, started }))].slice(0, MAX_MARKS);
}

export interface EndingOptions {
  readonly graceMs: number;
  /** From its abort on, the grace is at most this long. */
  readonly urgent: AbortSignal;
  readonly urgentGraceMs: number;
}

async function waitUntilGone(
  family: () => readonly ProcessInfo[],
  options: EndingOptions,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const startedMs = clock.monoMs();
  let urgentSinceMs: number | undefined;
  while (family().length > 0) {
    const nowMs = clock.monoMs();
    if (options.urgent.aborted) urgentSinceMs ??= nowMs;
    if (nowMs - startedMs >= options.graceMs) return;
    if (urgentSinceMs !== undefined && nowMs - urgentSinceMs >= options.urgentGraceMs) return;
    await clock.sleep(POLL_MS, signal);
  }
}

/**
 * Ends the marked processes and all that belongs to them: TERM to the first that lives (a worker ends its own tasks)
 * or to each when it is gone, a grace, then KILL for whatever is left, new children included.
 */
export async function endFamily(
  marks: readonly ProcessMark[],
  port: ProcessPort,
  options: EndingOptions,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  let known = marks;
  const look = () => {
    const family = familyOf(port.list(), known, port.ownPid);
    known = withFamily(known, family); // a parent that dies must not hide its children
    return family;
  };
  const send = (infos: readonly ProcessInfo[], name: NodeJS.Signals) => {
    for (const { pid, pgid } of infos) port.signal(pgid === pid ? -pid : pid, name);
  };
  const found = look();
  const leader = found.find(({ pid }) => pid === marks[0]?.pid);
  send(leader === undefined ? found : [leader], 'SIGTERM');
  await waitUntilGone(look, options, clock, signal);
  const killedMs = clock.monoMs();
  for (let left = look(); left.length > 0; left = look()) {
    send(left, 'SIGKILL');
    if (clock.monoMs() - killedMs >= KILL_WAIT_MS) return; // not to be waited for: stuck in the kernel
    await clock.sleep(POLL_MS, signal);
  }
}

/** Looks at the process table at most: on a machine that is to end, nothing is waited for without a bound. */
const USER_LOOKS = 60;

/**
 * Ends every process of a user, whoever started it. All are stopped before any is killed: what is stopped cannot fork
 * away, and as long as it is there it holds the place that a fork bomb would take. In one turn, without a process of
 * our own. False when some are left.
 */
export function endUser(uid: number, port: ProcessPort): boolean {
  const own = () => port.list().filter((info) => info.uid === uid && info.pid > 1 && info.pid !== port.ownPid);
  const stopped = new Set<string>();
  for (let looks = 0; looks < USER_LOOKS; looks += 1) {
    const found = own();
    if (found.length === 0) return true;
    const fresh = found.filter(({ pid, started }) => !stopped.has(`${pid} ${started}`));
    for (const { pid, started } of fresh) {
      port.signal(pid, 'SIGSTOP');
      stopped.add(`${pid} ${started}`);
    }
    if (fresh.length > 0) continue;
    for (const { pid } of found) port.signal(pid, 'SIGKILL');
  }
  return own().length === 0;
}
