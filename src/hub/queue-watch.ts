import { formatDuration } from '../lib/duration.ts';
import type { HubTime } from './ages.ts';
import type { Fleet } from './fleet.ts';
import type { Member } from './member.ts';
import { explainQueue } from './scheduler/explain.ts';
import { couldEverFit, labelsMatch } from './scheduler/matching.ts';
import { PATIENCE_MS } from './scheduler/schedule.ts';
import type { Scheduler } from './scheduler/scheduler.ts';
import type { Database } from './store/database.ts';
import { headsOf, type QueueClass, waitingSince } from './store/queue.ts';
import { saveOffered } from './store/queue-classes.ts';
import type { TaskLife } from './task-life.ts';

export interface QueueWatchDeps {
  readonly store: Database;
  readonly fleet: Fleet;
  readonly scheduler: Scheduler;
  readonly life: TaskLife;
  readonly time: HubTime;
}

/** Queues that one look goes over; the next goes on where it has ended. */
const QUEUES_PER_LOOK = 200;
/** Tasks of one queue that one look ends at most. */
const ENDS_PER_LOOK = 200;
/** That workers for a queue are there is stored no more often. */
const OFFER_STORED_EVERY_MS = 60_000;

/** Looks after queues that stand still: keeps workers free for patient tasks, ends what nobody will ever take. */
export class QueueWatch {
  readonly #stored = new Map<string, number>();

  constructor(private readonly deps: QueueWatchDeps) {}

  /** One look over some of the queues. */
  async look(): Promise<void> {
    const { fleet, scheduler } = this.deps;
    const members = fleet.members();
    const impatient: string[] = [];
    for (const queue of scheduler.queues.some(QUEUES_PER_LOOK)) {
      const matching = members.filter(({ record }) => labelsMatch(queue.labels, record.labels));
      if (matching.some((member) => this.#offers(queue, member))) {
        await this.#offered(queue);
        if (await this.#isImpatient(queue)) impatient.push(queue.classId);
      } else await this.#endHopeless(queue, matching);
    }
    scheduler.impatient(impatient);
    scheduler.tryAgain();
  }

  /** A paused worker will go on; one that is offline or too small will not. */
  #offers(queue: QueueClass, member: Member): boolean {
    return couldEverFit(queue, member.record) && this.deps.fleet.isOnline(member);
  }

  async #offered({ classId }: QueueClass): Promise<void> {
    const { store, scheduler, time } = this.deps;
    const hubMs = time.hubMs();
    scheduler.queues.offered(classId, hubMs);
    if (hubMs - (this.#stored.get(classId) ?? Number.NEGATIVE_INFINITY) < OFFER_STORED_EVERY_MS) return;
    await store.write((sql) => saveOffered(sql, classId, hubMs));
    this.#stored.set(classId, hubMs);
  }

  async #isImpatient({ classId }: QueueClass): Promise<boolean> {
    const { store, scheduler, time } = this.deps;
    if (scheduler.reservations.has(classId)) return false;
    const [first] = await store.read((sql) => headsOf(sql, classId, 1));
    return first !== undefined && time.hubMs() - first.queuedHubMs >= PATIENCE_MS;
  }

  /** The longest limit of the pools that could come into question; null for ever. */
  #limitMs(matching: readonly Member[]): number | null {
    const { fleet } = this.deps;
    const pools = matching.length > 0 ? new Set(matching.map(({ record }) => record.poolId)) : fleet.poolIds();
    const limits = [...pools].map((id) => fleet.settingsOf(id).queueLimitSeconds);
    return limits.includes(0) ? null : Math.max(...limits, 0) * 1000;
  }

  /** When a task that waits since then fails unless a worker for it comes, in hub time; null for never. */
  endsAtHubMs(offeredHubMs: number, queuedHubMs: number, matching: readonly Member[]): number | null {
    const limitMs = this.#limitMs(matching);
    return limitMs === null ? null : Math.max(queuedHubMs, offeredHubMs) + limitMs;
  }

  async #endHopeless(queue: QueueClass, matching: readonly Member[]): Promise<void> {
    const { store, fleet, life, time } = this.deps;
    const limitMs = this.#limitMs(matching);
    const sinceHubMs = time.hubMs() - (limitMs ?? 0);
    this.#stored.delete(queue.classId);
    if (limitMs === null || queue.offeredHubMs > sinceHubMs) return;
    const ids = await store.read((sql) => waitingSince(sql, queue.classId, sinceHubMs, ENDS_PER_LOOK));
    if (ids.length === 0) return;
    const workers = fleet.members().map((member) => fleet.view(member));
    const reason = `${explainQueue(queue, workers).reason}, for ${formatDuration(limitMs)}`;
    for (const id of ids) await life.end(id, { status: 'FAILED', reason, decision: 'nobody-offers', place: 'free' });
  }
}
