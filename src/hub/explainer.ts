import type { HubTime } from './ages.ts';
import type { Fleet } from './fleet.ts';
import type { WhyView } from './model.ts';
import type { QueueWatch } from './queue-watch.ts';
import { isFinal, type LinkedTask } from './scheduler/dependencies.ts';
import { describeWorkers, explainQueue, missingLabels, missingResources, type Waiting } from './scheduler/explain.ts';
import { labelsMatch, type SchedulerWorker } from './scheduler/matching.ts';
import { OTHER_WORKER_MS } from './scheduler/schedule.ts';
import type { Scheduler } from './scheduler/scheduler.ts';
import { type Standing, whyView } from './scheduler/why.ts';
import type { Database, Queries } from './store/database.ts';
import { linkedTasks } from './store/linked-tasks.ts';
import { lockHolder, lockName } from './store/locks.ts';
import { expectedCapacity } from './store/pool-capacity.ts';
import { findEntry, type QueueEntry } from './store/queue.ts';
import { placeInQueue } from './store/queue-classes.ts';
import { pullRequestLabels } from './store/related-builds.ts';
import { findTask, placedTasks, type TaskRecord } from './store/tasks.ts';

export interface ExplainerDeps {
  readonly store: Database;
  readonly fleet: Fleet;
  readonly scheduler: Scheduler;
  readonly queueWatch: QueueWatch;
  readonly time: HubTime;
}

const NOT_QUEUED = {
  waiting: null,
  avoids: null,
  place: null,
  missingLabels: [],
  missingResources: [],
  workers: [],
  failsAtMs: null,
  capacityExpected: [],
} satisfies Partial<Standing>;

/** Says why tasks wait, by what is stored and by who is there. */
export class Explainer {
  constructor(private readonly deps: ExplainerDeps) {}

  #workers(): SchedulerWorker[] {
    const { fleet } = this.deps;
    return fleet.members().map((member) => fleet.view(member));
  }

  /** Workers that are kept free for tasks of other queues than this one. */
  #keptFree(classId: string): Set<number> {
    return new Set([...this.deps.scheduler.reservations].flatMap(([id, worker]) => (id === classId ? [] : worker)));
  }

  /**
   * Says why tasks that wait for a worker do so, in a sentence; undefined for one that does not. For one answer to one
   * question: it looks at the workers once, and at each queue once.
   */
  sentences(): (task: TaskRecord) => string | undefined {
    const said = new Map<string, string>();
    let workers: SchedulerWorker[] | undefined;
    return ({ status, hold, classId, labels, resources }) => {
      if (status !== 'TRIGGERED') return undefined;
      if (hold === 'lock') return 'waits for its execution lock';
      const known = said.get(classId);
      if (known !== undefined) return known;
      workers ??= this.#workers();
      const { reason } = explainQueue({ labels, resources }, workers, this.#keptFree(classId));
      said.set(classId, reason);
      return reason;
    };
  }

  async why(taskId: number): Promise<WhyView | undefined> {
    return this.deps.store.read(async (sql) => {
      const task = await findTask(sql, taskId);
      if (task === undefined) return undefined;
      const linked = await linkedTasks(sql, task.buildId);
      const entry = await findEntry(sql, taskId);
      const standing = {
        task,
        waitsFor: this.#waitsFor(task, linked),
        missingPullRequestLabels: await this.#missingPullRequestLabels(sql, task),
        lock: await this.#lock(sql, task),
      };
      return whyView({ ...standing, ...(entry === undefined ? NOT_QUEUED : await this.#queued(sql, task, entry)) });
    });
  }

  #waitsFor({ id, status }: TaskRecord, linked: readonly LinkedTask[]): WhyView['waitsFor'] {
    if (status !== 'CREATED') return [];
    const needs = linked.find((task) => task.id === id)?.needs ?? [];
    return linked
      .filter((task) => needs.includes(task.id) && !isFinal(task.status))
      .map((task) => ({ id: String(task.id), name: task.name, status: task.status }));
  }

  async #missingPullRequestLabels(sql: Queries, { buildId, requiredLabels, hold }: TaskRecord): Promise<string[]> {
    if (hold !== 'pr-labels') return [];
    const present = (await pullRequestLabels(sql, buildId)) ?? [];
    return requiredLabels.filter((label) => !present.includes(label));
  }

  async #lock(sql: Queries, { lockKey, hold }: TaskRecord): Promise<WhyView['lock']> {
    if (lockKey === null || hold !== 'lock') return null;
    const holder = await lockHolder(sql, lockKey);
    return holder === undefined ? null : { name: lockName(lockKey), heldBy: String(holder) };
  }

  async #queued(
    sql: Queries,
    task: TaskRecord,
    entry: QueueEntry & { readonly classId: string },
  ): Promise<Omit<Standing, 'task' | 'waitsFor' | 'missingPullRequestLabels' | 'lock'>> {
    const { time } = this.deps;
    const workers = this.#workers();
    const waiting = explainQueue(task, workers, this.#keptFree(entry.classId));
    const running = Map.groupBy(await placedTasks(sql), ({ workerId }) => workerId);
    const described = describeWorkers(task, workers, (id) => (running.get(id) ?? []).map((one) => String(one.id)));
    const pools = new Set(described.map(({ pool }) => pool));
    const now = time.now();
    const expected = await expectedCapacity(sql, now.wallMs);
    return {
      waiting,
      avoids: this.#avoids(entry, now.hubMs, waiting),
      place: await placeInQueue(sql, entry.classId, entry),
      missingLabels: missingLabels(task, workers),
      missingResources: missingResources(task, workers),
      workers: described,
      failsAtMs: this.#failsAtMs(task, entry, waiting),
      capacityExpected: expected
        .filter(({ pool }) => pools.size === 0 || pools.has(pool))
        .map(({ pool, atMs, note }) => ({ pool, at: new Date(atMs).toISOString(), note })),
    };
  }

  #avoids({ avoidWorkerId, queuedHubMs }: QueueEntry, hubMs: number, waiting: Waiting): string | null {
    if (avoidWorkerId === null || hubMs - queuedHubMs >= OTHER_WORKER_MS || waiting.kind !== 'busy') return null;
    return this.deps.fleet.get(avoidWorkerId)?.record.name ?? null;
  }

  #failsAtMs(task: TaskRecord, { classId, queuedHubMs }: QueueEntry & { classId: string }, { kind }: Waiting) {
    if (kind !== 'nobody' && kind !== 'offline') return null;
    const { fleet, scheduler, queueWatch, time } = this.deps;
    const matching = fleet.members().filter(({ record }) => labelsMatch(task.labels, record.labels));
    const offeredHubMs = scheduler.queues.get(classId)?.offeredHubMs ?? queuedHubMs;
    const endsHubMs = queueWatch.endsAtHubMs(offeredHubMs, queuedHubMs, matching);
    const now = time.now();
    return endsHubMs === null ? null : now.wallMs + Math.max(0, endsHubMs - now.hubMs);
  }
}
