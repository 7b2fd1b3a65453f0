import { AppError } from '../lib/errors.ts';
import { randomToken } from '../platform/random.ts';
import type { HubTime, Instant } from './ages.ts';
import type { RunCause } from './model.ts';
import { brokenNeed, isFinal } from './scheduler/dependencies.ts';
import { failedOnes, withAbortedBehind } from './scheduler/runs.ts';
import { changeTask, type Effects, noEffects, refreshBuild, tellEffects } from './store/build-progress.ts';
import { findBuild } from './store/builds.ts';
import type { Bus } from './store/bus.ts';
import type { Database, Queries } from './store/database.ts';
import { recordDecision } from './store/decisions.ts';
import type { IdSource } from './store/ids.ts';
import { linkedTasks } from './store/linked-tasks.ts';
import { olderOpenBuilds, setPullRequestLabels } from './store/related-builds.ts';
import { insertRun } from './store/runs.ts';
import { findTask, patchTask, type TaskRecord, tasksOfBuild } from './store/tasks.ts';

export interface TaskControlDeps {
  readonly store: Database;
  readonly bus: Bus;
  readonly time: HubTime;
  readonly ids: IdSource;
}

interface Step {
  readonly sql: Queries;
  readonly now: Instant;
  readonly effects: Effects;
}

/** Why a task is cancelled: by people, or for a newer build. */
interface Cancellation {
  readonly kind: 'cancelled' | 'superseded';
  readonly reason: string;
}

const refused = (message: string, hint: string) => new AppError('USAGE', message, { hint });

/** What people do to tasks and builds, each as one transaction. */
export class HubTaskControl {
  constructor(private readonly deps: TaskControlDeps) {}

  async #step<T>(run: (step: Step) => Promise<T>): Promise<T> {
    const { store, bus, time } = this.deps;
    const effects = noEffects();
    const result = await store.write((sql) => run({ sql, now: time.now(), effects }));
    tellEffects(bus, effects);
    return result;
  }

  async #cancel({ sql, now, effects }: Step, task: TaskRecord, { kind, reason }: Cancellation): Promise<void> {
    if (isFinal(task.status)) return;
    const patch = { status: 'ABORTED', reason, ...(task.slotHeld ? { mustStop: true } : {}) } as const;
    await changeTask(sql, task, patch, now, effects);
    await recordDecision(sql, { kind, taskId: task.id, worker: task.workerName, reason }, now.wallMs);
  }

  async #cancelTasks(step: Step, ids: readonly number[], why: Cancellation): Promise<void> {
    for (const id of ids) {
      const task = await findTask(step.sql, id); // as it stands after what the one before has moved
      if (task !== undefined) await this.#cancel(step, task, why);
    }
  }

  /** False when there is no such task. */
  cancelTask(id: number, by: string): Promise<boolean> {
    return this.#step(async (step) => {
      const task = await findTask(step.sql, id);
      if (task !== undefined) await this.#cancel(step, task, { kind: 'cancelled', reason: `cancelled by ${by}` });
      return task !== undefined;
    });
  }

  cancelBuild(id: number, by: string): Promise<boolean> {
    return this.#step(async (step) => {
      if ((await findBuild(step.sql, id)) === undefined) return false;
      const why = { kind: 'cancelled', reason: `cancelled by ${by}, with its build` } as const;
      await this.#cancelTasks(
        step,
        (await tasksOfBuild(step.sql, id)).map((task) => task.id),
        why,
      );
      return true;
    });
  }

  /**
   * Cancels what a newer build takes the place of, as far as the tasks allow it (`auto_cancellation`). A stateful task
   * that has begun is let through to its end.
   */
  async supersede(step: Step, buildId: number): Promise<void> {
    const build = await findBuild(step.sql, buildId);
    if (build === undefined || build.repository === '') return;
    for (const older of await olderOpenBuilds(step.sql, build)) {
      const tasks = (await tasksOfBuild(step.sql, older)).filter(
        ({ autoCancel, stateful, status }) => autoCancel && !(stateful && status === 'EXECUTING'),
      );
      const why = { kind: 'superseded', reason: `build ${buildId} of ${build.branch} took its place` } as const;
      await this.#cancelTasks(
        step,
        tasks.map((task) => task.id),
        why,
      );
    }
  }

  async #newRun({ sql, now }: Step, task: TaskRecord, cause: RunCause): Promise<number> {
    const id = this.deps.ids.next();
    const secrets = { clientSecret: randomToken(), serverSecret: randomToken() };
    await insertRun(sql, task, { id, ...secrets, cause, avoidWorkerId: null }, now.wallMs);
    return id;
  }

  async #rerun(step: Step, buildId: number, ids: readonly number[], by: string): Promise<Map<number, number>> {
    const runs = new Map<number, number>();
    for (const id of ids) {
      const task = await findTask(step.sql, id);
      if (task === undefined) continue;
      if (task.slotHeld) {
        throw refused(`task ${id} is still being stopped by its worker`, 'try again in a moment');
      }
      const run = await this.#newRun(step, task, 'requested');
      runs.set(id, run);
      const reason = `${by} asked for it; the run before is task ${id}`;
      await recordDecision(step.sql, { kind: 'run-again', taskId: run, worker: null, reason }, step.now.wallMs);
    }
    await refreshBuild(step.sql, buildId, step.now, step.effects);
    return runs;
  }

  /** Resolves with the new run; undefined when there is no such task. */
  rerunTask(id: number, by: string): Promise<number | undefined> {
    return this.#step(async (step) => {
      const task = await findTask(step.sql, id);
      if (task === undefined) return undefined;
      if (task.nextId !== null) {
        throw refused(`task ${id} ran again as task ${task.nextId}`, `ask for a re-run of task ${task.nextId}`);
      }
      if (!isFinal(task.status)) throw refused(`task ${id} has not ended`, 'cancel it first, or wait for its end');
      const linked = await linkedTasks(step.sql, task.buildId);
      const broken = brokenNeed(id, linked);
      if (broken !== undefined) {
        const what = `task "${broken.name}", which it depends on, has to pass first`;
        throw refused(what, `ask for a re-run of task ${broken.id}: those behind it follow`);
      }
      const ids = withAbortedBehind(id, linked);
      return (await this.#rerun(step, task.buildId, ids, by)).get(id);
    });
  }

  rerunBuild(id: number, by: string): Promise<boolean> {
    return this.#step(async (step) => {
      if ((await findBuild(step.sql, id)) === undefined) return false;
      const failed = failedOnes(await linkedTasks(step.sql, id));
      if (failed.length === 0) throw refused(`no task of build ${id} has failed`, 'ask for a re-run of a single task');
      await this.#rerun(
        step,
        id,
        failed.map((task) => task.id),
        by,
      );
      return true;
    });
  }

  triggerTask(id: number, by: string): Promise<boolean> {
    return this.#step(async (step) => {
      const task = await findTask(step.sql, id);
      if (task === undefined) return false;
      if (!task.manual || task.status !== 'CREATED') {
        throw refused(`task ${id} does not wait to be triggered`, `ask why it waits with pwagent tasks why ${id}`);
      }
      await patchTask(step.sql, id, { manual: false, hold: null });
      const reason = `triggered by ${by}`;
      await recordDecision(step.sql, { kind: 'triggered', taskId: id, worker: null, reason }, step.now.wallMs);
      await refreshBuild(step.sql, task.buildId, step.now, step.effects);
      return true;
    });
  }

  labelPullRequest(repository: string, number: number, labels: readonly string[]): Promise<void> {
    return this.#step(async ({ sql, now, effects }) => {
      for (const id of await setPullRequestLabels(sql, repository, number, labels)) {
        await refreshBuild(sql, id, now, effects);
      }
    });
  }
}
