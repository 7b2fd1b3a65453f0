import { descendantsOf, type ProcessInfo } from '../../platform/process-table.ts';

export interface Attribution {
  /** They belong to the task that ended. */
  readonly ofTask: readonly ProcessInfo[];
  /** Of the user, and neither of that task, nor of a running one, nor of the worker. */
  readonly unknown: readonly ProcessInfo[];
}

export interface AttributionInput {
  readonly table: readonly ProcessInfo[];
  readonly uid: number;
  readonly workerPid: number | undefined;
  /** Processes that carry `CIRRUS_TASK_ID` of the ended task in their environment. */
  readonly markedEnded: readonly number[];
  /** The same of the tasks that still run. */
  readonly markedRunning: readonly number[];
}

/** The marked ones, their descendants, and who shares a session or a process group with any of them. */
function circle(table: readonly ProcessInfo[], pids: readonly number[], bars: ReadonlySet<number>): Set<number> {
  const found = new Set(pids);
  for (const pid of found) {
    for (const child of descendantsOf(table, pid)) found.add(child.pid);
    const own = table.find((info) => info.pid === pid);
    if (own === undefined) continue;
    for (const info of table) {
      const shares = info.pgid === own.pgid || (info.sid !== undefined && info.sid === own.sid);
      if (shares && !bars.has(info.pgid) && !bars.has(info.sid ?? -1)) found.add(info.pid);
    }
  }
  return found;
}

/**
 * Sorts the processes of the worker's user after a task has ended. Whoever is in doubt belongs to what still runs: a
 * running task must not lose a process to the end of another.
 */
export function attribute({ table, uid, workerPid, markedEnded, markedRunning }: AttributionInput): Attribution {
  const own = table.filter((info) => info.uid === uid);
  const worker = table.find(({ pid }) => pid === workerPid);
  const bars = new Set(worker === undefined ? [] : [worker.pid, worker.pgid, worker.sid ?? worker.pid]);
  const running = circle(own, markedRunning, bars);
  const ended = circle(own, markedEnded, bars);
  const below = workerPid === undefined ? [] : descendantsOf(own, workerPid).map(({ pid }) => pid);
  const workers = [...circle(own, below, bars), ...(workerPid === undefined ? [] : [workerPid])];
  const ofTask = own.filter(({ pid }) => ended.has(pid) && !running.has(pid) && pid !== workerPid);
  const known = new Set([...running, ...workers, ...ofTask.map(({ pid }) => pid)]);
  return { ofTask, unknown: own.filter(({ pid }) => !known.has(pid)) };
}
