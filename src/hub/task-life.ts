import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Ages } from './ages.ts';
import type { Changes } from './changes.ts';
import type { Fleet } from './fleet.ts';
import { isFinal } from './scheduler/dependencies.ts';
import { type Budget, outcomeOf, outcomeWithoutReport } from './scheduler/outcome.ts';
import type { Scheduler } from './scheduler/scheduler.ts';
import { refreshBuild } from './store/build-progress.ts';
import type { Database, Queries } from './store/database.ts';
import { type Decision, recordDecision } from './store/decisions.ts';
import { applyUpdates, closeInstructions, type InstructionUpdate, instructionsOf } from './store/instructions.ts';
import { findTask, patchTask, type TaskPatch, type TaskRecord } from './store/tasks.ts';

export interface TaskLifeDeps {
  readonly store: Database;
  readonly fleet: Fleet;
  readonly scheduler: Scheduler;
  readonly changes: Changes;
  readonly ages: Ages;
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly log: Logger;
}

/** How a task ends, when it is not by its agent's report. */
export interface Verdict {
  readonly status: 'FAILED' | 'ABORTED';
  readonly reason: string;
  /** Kept with the audit when given. */
  readonly decision?: Decision['kind'];
  /** What becomes of its place. */
  readonly place: 'free' | 'held' | 'must-stop';
}

/** Ages that are kept of a task, here, by the scheduler and by the sweeper. */
const AGES = ['queued', 'nobody', 'placed', 'started'] as const;

/**
 * The life of tasks after they were placed: every change is one transaction over the task, the tasks that depend on it
 * and the build, and is told afterwards to whoever watches, to the scheduler and to the worker. All methods may be
 * called again with the same arguments, since callers repeat what got no answer.
 */
export class TaskLife {
  constructor(private readonly deps: TaskLifeDeps) {}

  /** Changes the newest state of a task; `run` returns what to store, or undefined to leave it alone. */
  async #change(
    taskId: number,
    run: (sql: Queries, task: TaskRecord, nowMs: number) => Promise<TaskPatch | undefined>,
  ): Promise<void> {
    const { store, changes, scheduler, fleet, clock, log } = this.deps;
    const changed = await store.write(async (sql) => {
      const task = await findTask(sql, taskId);
      if (task === undefined) return undefined;
      const nowMs = clock.wallMs();
      const patch = await run(sql, task, nowMs);
      if (patch === undefined) return undefined;
      const ends = patch.status !== undefined && isFinal(patch.status);
      await patchTask(sql, taskId, { ...patch, ...(ends ? { finishedMs: nowMs } : {}) });
      if (ends && patch.slotHeld === false) await closeInstructions(sql, taskId);
      if (patch.status !== undefined) await refreshBuild(sql, task.buildId, nowMs);
      return { task, patch };
    });
    if (changed === undefined) return;
    const { task, patch } = changed;
    if (patch.slotHeld === false) for (const what of AGES) this.deps.ages.forget(`${what} ${taskId}`);
    if (patch.status !== undefined && patch.status !== task.status) {
      const reason = patch.reason ?? undefined;
      log.info('task changed', { taskId: String(taskId), from: task.status, to: patch.status, reason });
    }
    changes.notify(task.buildId);
    if (patch.slotHeld === false || patch.mustStop === true) {
      // the worker's open poll is answered after the next pass, so that the answer brings the task that fits now
      void scheduler.request().then(() => fleet.wake(task.workerId));
    } else if (patch.status !== undefined && isFinal(patch.status)) void scheduler.request();
  }

  #budget(task: TaskRecord): Budget {
    const ranMs = task.startedMs === null ? 0 : this.deps.ages.ageMs(`started ${task.id}`, task.startedMs);
    return { ranMs, timeoutMs: task.timeoutSeconds * 1000 };
  }

  /** The worker, or the agent by its first call, says that the task runs. */
  started(taskId: number): Promise<void> {
    return this.#change(taskId, async (_sql, { status }, nowMs) =>
      status === 'SCHEDULED' ? { status: 'EXECUTING', startedMs: nowMs, reason: null } : undefined,
    );
  }

  /** The worker could not run it. Without a start there is nothing to wait for: its place is free at once. */
  failed(taskId: number, message: string): Promise<void> {
    return this.#change(taskId, async (_sql, task) => {
      if (!task.slotHeld) return undefined;
      const free = task.startedMs === null ? { slotHeld: false } : {};
      if (isFinal(task.status)) return free;
      return { status: 'FAILED', reason: message || 'the worker could not run it and did not say why', ...free };
    });
  }

  /** The worker has ended it and its place is free. */
  stopped(taskId: number): Promise<void> {
    return this.#change(taskId, async (sql, task) => {
      if (!task.slotHeld) return undefined;
      const free = { slotHeld: false, mustStop: false };
      if (isFinal(task.status)) {
        await closeInstructions(sql, taskId);
        return free;
      }
      const instructions = await instructionsOf(sql, taskId);
      return { ...outcomeWithoutReport(instructions, this.#budget(task), task.agentProblem), ...free };
    });
  }

  /** Progress as the agent tells it, taken until the worker says that the task has stopped. */
  updated(taskId: number, updates: readonly InstructionUpdate[]): Promise<void> {
    return this.#change(taskId, async (sql, task) => {
      if (!task.slotHeld) return undefined;
      await this.#apply(sql, taskId, updates);
      return {};
    });
  }

  /** The agent's final report: the result of the task, unless the hub has decided before. */
  finished(taskId: number, results: readonly InstructionUpdate[]): Promise<void> {
    return this.#change(taskId, async (sql, task) => {
      if (!task.slotHeld) return undefined;
      await this.#apply(sql, taskId, results);
      if (isFinal(task.status)) return {};
      return outcomeOf(await instructionsOf(sql, taskId), this.#budget(task));
    });
  }

  async #apply(sql: Queries, taskId: number, updates: readonly InstructionUpdate[]): Promise<void> {
    const unknown = await applyUpdates(sql, taskId, updates);
    if (unknown.length > 0) {
      this.deps.log.warn('agent reports instructions that the task lacks', { taskId: String(taskId), unknown });
    }
  }

  /** The agent had a problem: it becomes part of the reason if the task ends without a report. */
  problem(taskId: number, message: string): Promise<void> {
    return this.#change(taskId, async () => ({ agentProblem: message }));
  }

  /** Ends a task by the hub's own decision; one that has ended keeps its result. */
  end(taskId: number, { status, reason, decision, place }: Verdict): Promise<void> {
    return this.#change(taskId, async (sql, task, nowMs) => {
      const patch: TaskPatch =
        place === 'free' ? { slotHeld: false, mustStop: false } : place === 'must-stop' ? { mustStop: true } : {};
      if (isFinal(task.status)) return task.slotHeld ? patch : undefined;
      if (decision !== undefined) {
        await recordDecision(sql, { kind: decision, taskId, worker: task.workerName, reason }, nowMs);
      }
      return { status, reason, ...patch };
    });
  }

  /** Puts a task that no worker can have begun back into the queue. */
  requeue(taskId: number): Promise<void> {
    return this.#change(taskId, async (_sql, { status }) =>
      status === 'SCHEDULED'
        ? { status: 'TRIGGERED', workerId: null, workerName: null, session: null, handouts: 0, slotHeld: false }
        : undefined,
    );
  }
}
