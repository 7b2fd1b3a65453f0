import { describeError } from '../../lib/errors.ts';
import { bounded } from '../../platform/bounded.ts';
import { findByEnvironment } from '../../platform/process-table.ts';
import { attribute } from './attribute.ts';
import { collectFreeBytes, collectMounts, collectWatched } from './collect.ts';
import type { AuditResult, Finding, Snapshot } from './facts.ts';
import { judge } from './judge.ts';
import { findStrays } from './strays.ts';
import { type UndoPorts, undo } from './undo.ts';
import { sharedFolders } from './watched.ts';

/** A look and what follows from it may not take longer; tasks do not wait for it. */
const AUDIT_MS = 60_000;

const TASK_VARIABLE = 'CIRRUS_TASK_ID';

export interface AuditPorts extends UndoPorts {
  /** Where the tasks' disk is measured. */
  readonly folder: string;
  /** `worker.dedicated` and all that it takes (see `mayKillWholeUser`). */
  readonly dedicated: boolean;
  /** Folders of the worker itself, such as its working folder. */
  readonly except: readonly string[];
  /** Processes with this variable of this value; default: those of the system. */
  readonly marked?: (name: string, value: string) => readonly number[];
  /** Folders that all users share; default: those of the system. */
  readonly shared?: readonly string[];
}

export interface EndedTask {
  readonly taskId: string;
  /** Wall time of its end; files that changed later are another's. */
  readonly endedWallMs: number;
  /** Ids of the tasks that run now. */
  readonly running: () => readonly string[];
  readonly workerPid: number | undefined;
}

function attributionOf(ports: AuditPorts, { taskId, running, workerPid }: EndedTask) {
  const marked = ports.marked ?? findByEnvironment;
  const markedEnded = marked(TASK_VARIABLE, taskId);
  const markedRunning = running().flatMap((id) => [...marked(TASK_VARIABLE, id)]);
  const { processes, user } = ports;
  const table = processes.list().filter(({ pid }) => pid !== processes.ownPid);
  return attribute({ table, uid: user.uid, workerPid, markedEnded, markedRunning });
}

/** What stands now, for comparison after the next task. Rejects only when `signal` aborts. */
export async function takeSnapshot(ports: AuditPorts, task: EndedTask, signal: AbortSignal): Promise<Snapshot> {
  const { platform, user, clock, folder } = ports;
  const nothing = { mounts: [], images: [] };
  const mounted = await collectMounts(platform, user, clock, signal).catch(() => nothing); // judged without them
  signal.throwIfAborted();
  return {
    wallMs: clock.wallMs(),
    processes: attributionOf(ports, task).unknown.map(({ pid, started }) => ({ pid, started })),
    watched: await collectWatched(platform, user),
    ...mounted,
    freeBytes: await collectFreeBytes(folder),
  };
}

async function settle(findings: readonly Finding[], ports: AuditPorts, signal: AbortSignal): Promise<AuditResult> {
  const reasons: string[] = [];
  let [undone, dirty] = [false, false];
  for (const finding of findings) {
    const problem = await undo(finding, ports, signal).catch(describeError);
    const { remedy, what } = finding;
    if (problem === null) undone = true;
    else if (remedy.tag !== 'none' || remedy.dirty) dirty = true;
    reasons.push(problem === null ? `${what} (undone)` : remedy.tag === 'none' ? what : `${what} (${problem})`);
  }
  return { verdict: dirty ? 'dirty' : undone ? 'cleaned' : 'clean', reasons };
}

async function audit(before: Snapshot, task: EndedTask, ports: AuditPorts, signal: AbortSignal): Promise<AuditResult> {
  const { user, clock, dedicated, except, platform } = ports;
  const shared = ports.shared ?? sharedFolders(platform);
  const window = { sinceMs: before.wallMs, untilMs: task.endedWallMs };
  const query = { uid: user.uid, home: user.home, shared, ...window, except };
  const nothingRuns = () => task.running().length === 0;
  const strays = nothingRuns() && dedicated ? await findStrays(query, clock) : { shared: [], home: [] };
  const after = await takeSnapshot(ports, task, signal);
  const processes = attributionOf(ports, task);
  const alone = nothingRuns(); // asked last: what a task started meanwhile must not be taken for what was left
  return settle(judge({ before, after, processes, strays, alone, dedicated }), ports, signal);
}

/**
 * Looks at what a task left behind, undoes what can be undone, and gives the verdict. `before` is the snapshot from
 * before the task. Takes a minute at most; what cannot be told within it is dirty. Never rejects.
 */
export async function auditAfterTask(
  before: Snapshot,
  task: EndedTask,
  ports: AuditPorts,
  signal: AbortSignal,
): Promise<AuditResult> {
  try {
    const result = await bounded((scope) => audit(before, task, ports, scope), AUDIT_MS, ports.clock, signal);
    return result ?? { verdict: 'dirty', reasons: ['the audit did not end in time'] };
  } catch (error) {
    return { verdict: 'dirty', reasons: [`the audit failed: ${describeError(error)}`] };
  }
}
