import { formatDuration } from '../lib/duration.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { HubTime } from './ages.ts';
import type { Changes } from './changes.ts';
import { type Fleet, SILENCE_MS } from './fleet.ts';
import type { Member } from './member.ts';
import type { QueueWatch } from './queue-watch.ts';
import type { Roster } from './roster.ts';
import type { Database } from './store/database.ts';
import { raiseHubNumber } from './store/hub-state.ts';
import { overdueTasks, workersWithTasks } from './store/placed.ts';
import { listPools } from './store/pools.ts';
import { placedTasks } from './store/tasks.ts';
import { saveLastSeen } from './store/workers.ts';
import type { TaskLife } from './task-life.ts';

const SWEEP_EVERY_MS = 5_000;

/** An agent ends its task itself; the five minutes are its window for `always` and `on_timeout`, the sixth is ours. */
const OVERTIME_MS = 6 * 60_000;

/** Overdue tasks that one sweep ends at most. */
const ENDS_PER_SWEEP = 200;

export interface SweeperDeps {
  readonly store: Database;
  readonly fleet: Fleet;
  readonly roster: Roster;
  readonly queueWatch: QueueWatch;
  readonly life: TaskLife;
  readonly changes: Changes;
  readonly time: HubTime;
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
    const { store, fleet, roster, queueWatch } = this.deps;
    await roster.sync();
    await this.saveTime();
    fleet.setPools(await store.read(listPools));
    for (const workerId of await store.read(workersWithTasks)) {
      const member = fleet.get(workerId);
      if (member === undefined || fleet.isSilent(member)) await this.#silent(workerId, member);
    }
    await this.#endOverdue();
    await queueWatch.look();
    await this.saveSeen();
    this.#tellPresence();
  }

  /** Stores how far hub time is, and goes on from where another hub is further. */
  async saveTime(): Promise<void> {
    const { store, time } = this.deps;
    time.catchUp(await store.write((sql) => raiseHubNumber(sql, 'time', time.hubMs())));
  }

  /** `member` is undefined when the worker was forgotten with tasks on it. */
  async #silent(workerId: number, member: Member | undefined): Promise<void> {
    const { store, life } = this.deps;
    const undelivered = new Set(member?.undelivered.splice(0).map(({ taskId }) => taskId));
    for (const { id, workerName } of await store.read((sql) => placedTasks(sql, workerId))) {
      if (undelivered.has(String(id))) {
        await life.requeue(id);
        continue;
      }
      const gone =
        member === undefined ? 'is no longer registered' : `was not heard of for ${formatDuration(SILENCE_MS)}`;
      await life.lost(id, `worker ${workerName} ${gone}`);
    }
    if (member !== undefined) member.running = undefined;
  }

  async #endOverdue(): Promise<void> {
    const { store, life, time } = this.deps;
    const overdue = await store.read((sql) => overdueTasks(sql, time.hubMs(), OVERTIME_MS, ENDS_PER_SWEEP));
    for (const { id, timeoutSeconds } of overdue) {
      const timeout = formatDuration(timeoutSeconds * 1000);
      const reason = `it was still running ${formatDuration(OVERTIME_MS)} after its timeout of ${timeout}; the worker was told to stop it`;
      await life.end(id, { status: 'FAILED', reason, decision: 'overdue', place: 'must-stop' });
    }
  }

  /** Stores when workers were last heard of, as far as it has changed. */
  async saveSeen(): Promise<void> {
    if (this.deps.store.dialect.engine === 'postgres') return; // the roster does, for all hubs
    const changed = this.deps.fleet
      .members()
      .filter(({ record, lastSeenMs }) => Math.abs(lastSeenMs - (this.#savedSeenMs.get(record.id) ?? 0)) >= SILENCE_MS);
    if (changed.length === 0) return;
    await this.deps.store.write(async (sql) => {
      for (const { record, lastSeenMs } of changed) await saveLastSeen(sql, record.id, lastSeenMs);
    });
    for (const { record, lastSeenMs } of changed) this.#savedSeenMs.set(record.id, lastSeenMs);
  }

  #tellPresence(): void {
    const { fleet, log, changes } = this.deps;
    let changed = false;
    for (const member of fleet.members()) {
      const { id, name } = member.record;
      const online = fleet.isOnline(member);
      if (online === this.#wasOnline.has(id)) continue;
      changed = true;
      if (online) this.#wasOnline.add(id);
      else {
        this.#wasOnline.delete(id);
        log.warn('worker went silent', { workerName: name });
      }
    }
    if (!changed) return;
    changes.notify();
    changes.notifyWatched();
  }
}
