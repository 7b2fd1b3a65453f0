import type { Instant } from '../ages.ts';
import { buildStatus, type Change, isFinal, settle } from '../scheduler/dependencies.ts';
import { findBuild, setBuildStatus } from './builds.ts';
import type { Bus } from './bus.ts';
import type { Queries } from './database.ts';
import { recordDecision } from './decisions.ts';
import { closeInstructions } from './instructions.ts';
import { linkedTasks } from './linked-tasks.ts';
import { releaseLock, takeLock } from './locks.ts';
import { dequeue, enqueue } from './queue.ts';
import { findTask, patchTask, type TaskPatch, type TaskRecord } from './tasks.ts';

/** What a transaction changed for others to act on, once it is stored. */
export interface Effects {
  /** Queues that have a task more. */
  readonly queued: Set<string>;
  readonly builds: Set<number>;
  /** Workers that have a place more, or something to stop. */
  readonly workers: Set<number>;
}

export function noEffects(): Effects {
  return { queued: new Set(), builds: new Set(), workers: new Set() };
}

/** Tells all hubs what a stored transaction has changed. */
export function tellEffects(bus: Bus, { queued, builds, workers }: Effects): void {
  for (const buildId of builds) bus.publish({ kind: 'build', buildId });
  for (const classId of queued) bus.publish({ kind: 'queued', classId });
  for (const workerId of workers) bus.publish({ kind: 'wake', workerId });
}

/** Nothing but its execution lock and a free worker stand between the task and its run. */
async function release(sql: Queries, taskId: number, now: Instant, effects: Effects): Promise<void> {
  const task = await findTask(sql, taskId);
  if (task === undefined) return;
  const free = task.lockKey === null || (await takeLock(sql, task.lockKey, taskId));
  const triggered = { status: 'TRIGGERED', triggeredMs: task.triggeredMs ?? now.wallMs } as const;
  await patchTask(sql, taskId, { ...triggered, hold: free ? null : 'lock' });
  if (free) effects.queued.add(await enqueue(sql, taskId, now.hubMs));
}

async function move(sql: Queries, change: Change, now: Instant, effects: Effects): Promise<void> {
  const { id, status, hold, reason } = change;
  if (status === 'TRIGGERED') return release(sql, id, now, effects);
  if (status === 'CREATED') return patchTask(sql, id, { hold });
  await patchTask(sql, id, { status, hold, reason, finishedMs: now.wallMs });
  await closeInstructions(sql, id);
  await recordDecision(sql, { kind: 'aborted', taskId: id, worker: null, reason: reason ?? '' }, now.wallMs);
}

/** After a change of a task: moves on the tasks behind it and the build's own status. */
export async function refreshBuild(sql: Queries, buildId: number, now: Instant, effects: Effects): Promise<void> {
  const tasks = await linkedTasks(sql, buildId);
  const changes = settle(tasks);
  for (const change of changes) await move(sql, change, now, effects);
  const moved = new Map(changes.map((change) => [change.id, change]));
  const build = await findBuild(sql, buildId);
  const found = buildStatus(
    tasks.map((task) => {
      const { status, hold } = moved.get(task.id) ?? task;
      return { ...task, status, hold };
    }),
  );
  effects.builds.add(buildId);
  // one that had begun goes on, even while all that is left of it waits
  const status = found === 'CREATED' && build?.status !== 'CREATED' ? 'EXECUTING' : found;
  if (build !== undefined && build.status !== status) {
    await setBuildStatus(sql, buildId, status, isFinal(status) ? now.wallMs : null);
  }
}

/** A task that only goes on changes nothing for the others of its build. */
async function refreshAfter(
  sql: Queries,
  task: TaskRecord,
  status: TaskPatch['status'],
  now: Instant,
  effects: Effects,
) {
  if (status === 'SCHEDULED') return;
  if (status !== 'EXECUTING') return refreshBuild(sql, task.buildId, now, effects);
  const build = await findBuild(sql, task.buildId);
  if (build?.status === 'CREATED') await setBuildStatus(sql, task.buildId, status, null);
}

/** Stores a change of a task with all that follows from it: queue, lock, dependents, build. */
export async function changeTask(
  sql: Queries,
  task: TaskRecord,
  patch: TaskPatch,
  now: Instant,
  effects: Effects,
): Promise<void> {
  const status = patch.status ?? task.status;
  const ends = isFinal(status) && !isFinal(task.status);
  await patchTask(sql, task.id, { ...patch, ...(ends ? { finishedMs: now.wallMs, hold: null } : {}) });
  effects.builds.add(task.buildId);
  if (ends && task.status === 'TRIGGERED') await dequeue(sql, task.id, false);
  const gone = isFinal(status) && !(patch.slotHeld ?? task.slotHeld);
  if (gone && (ends || task.slotHeld)) {
    await closeInstructions(sql, task.id);
    const next = await releaseLock(sql, task.id);
    if (next !== undefined) await release(sql, next, now, effects);
  }
  if (task.workerId !== null && (patch.slotHeld === false || patch.mustStop === true)) {
    effects.workers.add(task.workerId);
  }
  if (status !== task.status) await refreshAfter(sql, task, status, now, effects);
}
