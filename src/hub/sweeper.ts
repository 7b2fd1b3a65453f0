import { formatDuration } from '../lib/duration.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Ages } from './ages.ts';
import type { Changes } from './changes.ts';
import { type Fleet, type Member, SILENCE_MS } from './fleet.ts';
import { isFinal } from './scheduler/dependencies.ts';
import type { Scheduler } from './scheduler/scheduler.ts';
import type { Database } from './store/database.ts';
import { placedTasks, queuedTasks, type TaskRecord } from './store/tasks.ts';
import { saveLastSeen } from './store/workers.ts';
import type { TaskLife } from './task-life.ts';

const SWEEP_EVERY_MS = 5_000;

/** An agent ends its task itself; the five minutes are its window for `always` and `on_timeout`, the sixth is ours. */
const OVERTIME_MS = 6 * 60_000;

/** How long a task waits for a worker that could take it before it fails. */
const NOBODY_MS = 24 * 3_600_000;

export interface SweeperDeps {
  readonly store: Database;
  readonly fleet: Fleet;
  readonly scheduler: Scheduler;
  readonly life: TaskLife;
  readonly changes: Changes;
  readonly ages: Ages;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Logger;
}

/** Notices what only the passing of time tells: silent workers, overdue tasks, tasks that nobody can take. */
export class Sweeper {
  readonly #savedSeenMs = new Map<number, number>();
  readonly #wasOnline = new Set<number>();

  constructor(private readonly deps: SweeperDeps) {}

  /** Sweeps every few seconds until `signal` aborts; then resolves. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.deps.clock.sleep(SWEEP_EVERY_MS, signal);
        await this.sweep();
      } catch (error) {
        if (!signal.aborted) this.deps.log.error('sweep failed', { error: String(error) });
      }
    }
  }

  async sweep(): Promise<void> {
    const { store, fleet } = this.deps;
    const placed = Map.groupBy(await store.read((sql) => placedTasks(sql)), ({ workerId }) => workerId);
    for (const member of fleet.members()) {
      const tasks = placed.get(member.record.id) ?? [];
      if (fleet.isSilent(member)) await this.#silent(member, tasks);
      else for (const task of tasks) await this.#checkOverdue(task);
    }
    for (const task of await store.read(queuedTasks)) await this.#checkNobody(task);
    await this.saveSeen();
    this.#tellPresence();
  }

  async #silent(member: Member, tasks: readonly TaskRecord[]): Promise<void> {
    const { life } = this.deps;
    const undelivered = new Set(member.undelivered.splice(0).map(({ taskId }) => taskId));
    for (const { id } of tasks) {
      if (undelivered.has(String(id))) {
        await life.requeue(id);
        continue;
      }
      const reason = `worker ${member.record.name} was not heard of for ${formatDuration(SILENCE_MS)}`;
      await life.end(id, { status: 'FAILED', reason, decision: 'lost', place: 'free' });
    }
  }

  async #checkOverdue(task: TaskRecord): Promise<void> {
    if (isFinal(task.status) || task.triggeredMs === null) return;
    // a task that was handed out and never started counts from its hand-out, as far as this process has seen it
    const since = task.startedMs ?? Number.POSITIVE_INFINITY;
    const ageMs = this.deps.ages.ageMs(`${task.startedMs === null ? 'placed' : 'started'} ${task.id}`, since);
    const timeoutMs = task.timeoutSeconds * 1000;
    if (ageMs <= timeoutMs + OVERTIME_MS) return;
    const reason = `it was still running ${formatDuration(OVERTIME_MS)} after its timeout of ${formatDuration(timeoutMs)}; the worker was told to stop it`;
    await this.deps.life.end(task.id, { status: 'FAILED', reason, decision: 'overdue', place: 'must-stop' });
  }

  async #checkNobody(task: TaskRecord): Promise<void> {
    const { ages, scheduler, life } = this.deps;
    const waiting = scheduler.waitingOf(task.id);
    const key = `nobody ${task.id}`;
    if (waiting === undefined) return;
    if (waiting.kind !== 'nobody' && waiting.kind !== 'offline') return ages.restart(key);
    if (ages.ageMs(key, task.triggeredMs ?? task.createdMs) < NOBODY_MS) return;
    const reason = `${waiting.reason}, for ${formatDuration(NOBODY_MS)}`;
    await life.end(task.id, { status: 'FAILED', reason, decision: 'nobody-offers', place: 'free' });
  }

  /** Stores when workers were last heard of, as far as it has changed. */
  async saveSeen(): Promise<void> {
    const changed = this.deps.fleet
      .members()
      .filter(({ record, lastSeenMs }) => (this.#savedSeenMs.get(record.id) ?? 0) + SILENCE_MS <= lastSeenMs);
    if (changed.length === 0) return;
    await this.deps.store.write(async (sql) => {
      for (const { record, lastSeenMs } of changed) await saveLastSeen(sql, record.id, lastSeenMs);
    });
    for (const { record, lastSeenMs } of changed) this.#savedSeenMs.set(record.id, lastSeenMs);
  }

  #tellPresence(): void {
    const { fleet, log, changes, scheduler } = this.deps;
    for (const member of fleet.members()) {
      const { id, name } = member.record;
      const online = fleet.isOnline(member);
      if (online === this.#wasOnline.has(id)) continue;
      if (online) this.#wasOnline.add(id);
      else {
        this.#wasOnline.delete(id);
        log.warn('worker went silent', { workerName: name });
      }
      changes.notify();
      void scheduler.request();
    }
  }
}
