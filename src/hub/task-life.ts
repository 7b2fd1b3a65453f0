import type { Logger } from '../lib/log.ts';
import { randomToken } from '../platform/random.ts';
import type { HubTime, Instant } from './ages.ts';
import { refuseGivenUp } from './given-up.ts';
import { isFinal } from './scheduler/dependencies.ts';
import { type Budget, outcomeOf, outcomeWithoutReport } from './scheduler/outcome.ts';
import { afterLoss } from './scheduler/runs.ts';
import { changeTask, type Effects, noEffects, tellEffects } from './store/build-progress.ts';
import type { Bus } from './store/bus.ts';
import type { Database, Queries } from './store/database.ts';
import { type Decision, recordDecision } from './store/decisions.ts';
import type { IdSource } from './store/ids.ts';
import { applyUpdates, type InstructionUpdate, instructionsOf } from './store/instructions.ts';
import { enqueue } from './store/queue.ts';
import { insertRun } from './store/runs.ts';
import { findTask, type TaskPatch, type TaskRecord } from './store/tasks.ts';

export interface TaskLifeDeps {
  readonly store: Database;
  readonly bus: Bus;
  readonly time: HubTime;
  readonly ids: IdSource;
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

interface Step {
  readonly sql: Queries;
  readonly task: TaskRecord;
  readonly now: Instant;
  readonly effects: Effects;
}

const FREE = { slotHeld: false, mustStop: false } as const;

/**
 * The life of tasks after they were placed (`docs/hub-task-life.md`): every change is one transaction over the task, the
 * tasks that depend on it and the build, and is told afterwards to whoever watches, to the scheduler and to the worker.
 * All methods may be called again with the same arguments, since callers repeat what got no answer.
 */
export class TaskLife {
  constructor(private readonly deps: TaskLifeDeps) {}

  /** Changes the newest state of a task; `run` returns what to store, or undefined to leave it alone. */
  async #change(taskId: number, run: (step: Step) => Promise<TaskPatch | undefined>): Promise<void> {
    const { store, bus, time, log } = this.deps;
    const effects = noEffects();
    const changed = await store.write(async (sql) => {
      const task = await findTask(sql, taskId);
      if (task === undefined) return undefined;
      const now = time.now();
      const patch = await run({ sql, task, now, effects });
      if (patch === undefined) return undefined;
      await changeTask(sql, task, patch, now, effects);
      return { task, patch };
    });
    if (changed === undefined) return;
    const { task, patch } = changed;
    if (patch.status !== undefined && patch.status !== task.status) {
      const reason = patch.reason ?? undefined;
      log.info('task changed', { taskId: String(taskId), from: task.status, to: patch.status, reason });
    }
    tellEffects(bus, effects);
  }

  #budget(task: TaskRecord): Budget {
    const sinceMs = task.startedHubMs ?? this.deps.time.hubMs();
    return { ranMs: this.deps.time.hubMs() - sinceMs, timeoutMs: task.timeoutSeconds * 1000 };
  }

  /** The worker, or the agent by its first call, says that the task runs. Refused for a run that was given up. */
  started(taskId: number): Promise<void> {
    return this.#change(taskId, async ({ task, now }) => {
      refuseGivenUp(task);
      if (task.status !== 'SCHEDULED') return undefined;
      return { status: 'EXECUTING', startedMs: now.wallMs, startedHubMs: now.hubMs, reason: null };
    });
  }

  /** The worker could not run it. Without a start there is nothing to wait for: its place is free at once. */
  failed(taskId: number, message: string): Promise<void> {
    return this.#change(taskId, async ({ task }) => {
      if (!task.slotHeld) return undefined;
      const free = task.startedMs === null ? FREE : {};
      if (isFinal(task.status)) return free;
      return { status: 'FAILED', reason: message || 'the worker could not run it and did not say why', ...free };
    });
  }

  /** The worker has ended it and its place is free. Without effect for a run that was given up. */
  stopped(taskId: number): Promise<void> {
    return this.#change(taskId, async ({ sql, task }) => {
      if (!task.slotHeld) return undefined;
      if (isFinal(task.status)) return FREE;
      const instructions = await instructionsOf(sql, taskId);
      return { ...outcomeWithoutReport(instructions, this.#budget(task), task.agentProblem), ...FREE };
    });
  }

  /** Progress as the agent tells it, taken until the worker says that the task has stopped. */
  updated(taskId: number, updates: readonly InstructionUpdate[]): Promise<void> {
    return this.#change(taskId, async ({ sql, task }) => {
      refuseGivenUp(task);
      if (!task.slotHeld) return undefined;
      await this.#apply(sql, taskId, updates);
      return {};
    });
  }

  /** The agent's final report: the result of the task, unless the hub has decided before. */
  finished(taskId: number, results: readonly InstructionUpdate[]): Promise<void> {
    return this.#change(taskId, async ({ sql, task }) => {
      refuseGivenUp(task);
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
    return this.#change(taskId, async ({ task }) => {
      refuseGivenUp(task);
      return { agentProblem: message };
    });
  }

  /** Ends a task by the hub's own decision; one that has ended keeps its result. */
  end(taskId: number, { status, reason, decision, place }: Verdict): Promise<void> {
    return this.#change(taskId, async ({ sql, task, now }) => {
      const patch: TaskPatch = place === 'free' ? FREE : place === 'must-stop' ? { mustStop: true } : {};
      if (isFinal(task.status)) return task.slotHeld ? patch : undefined;
      if (decision !== undefined) {
        await recordDecision(sql, { kind: decision, taskId, worker: task.workerName, reason }, now.wallMs);
      }
      return { status, reason, ...patch };
    });
  }

  /**
   * Its worker is lost, or has lost it: the run is given up, and a new one takes its place where the rules allow that
   * (`scheduler/runs.ts`). One that has ended keeps its result and only gives its place back.
   */
  lost(taskId: number, loss: string): Promise<void> {
    return this.#change(taskId, async ({ sql, task, now }) => {
      if (!task.slotHeld) return undefined;
      if (isFinal(task.status)) return FREE;
      const verdict = afterLoss(task, loss);
      const about = { taskId, worker: task.workerName };
      await recordDecision(sql, { ...about, kind: 'lost', reason: verdict.reason }, now.wallMs);
      if (verdict.kind === 'end') return { status: verdict.status, reason: verdict.reason, givenUp: true, ...FREE };
      const fresh = {
        id: this.deps.ids.next(),
        clientSecret: randomToken(),
        serverSecret: randomToken(),
        cause: 'lost',
        avoidWorkerId: task.workerId,
      } as const;
      await insertRun(sql, task, fresh, now.wallMs);
      const reason = `${loss}; it runs again as task ${fresh.id}`;
      await recordDecision(sql, { ...about, kind: 'run-again', reason }, now.wallMs);
      return { status: 'ABORTED', reason, nextId: fresh.id, givenUp: true, ...FREE };
    });
  }

  /** Puts a task that no worker can have begun back into the queue. */
  requeue(taskId: number): Promise<void> {
    return this.#change(taskId, async ({ sql, task, now, effects }) => {
      if (task.status !== 'SCHEDULED') return undefined;
      effects.queued.add(await enqueue(sql, taskId, now.hubMs));
      const nowhere = { workerId: null, workerName: null, session: null, handouts: 0, placedHubMs: null };
      return { status: 'TRIGGERED', ...nowhere, ...FREE };
    });
  }
}
