import type { Logger } from '../../lib/log.ts';
import type { PollResponse_AgentAwareTask } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { HubTime, Instant } from '../ages.ts';
import type { Fleet } from '../fleet.ts';
import type { Member } from '../member.ts';
import { changeTask, type Effects, noEffects, tellEffects } from '../store/build-progress.ts';
import type { Bus } from '../store/bus.ts';
import type { Database, Queries } from '../store/database.ts';
import { recordDecision } from '../store/decisions.ts';
import { placedOn } from '../store/placed.ts';
import { dequeue } from '../store/queue.ts';
import { findTask } from '../store/tasks.ts';
import { insertWorld } from '../store/worlds.ts';
import { agentTask } from './agent-task.ts';
import { QueueIndex } from './queue-index.ts';
import { readWorld } from './read-world.ts';
import { recordWorld } from './recorded-world.ts';
import { Reservations } from './reservations.ts';
import { schedule } from './schedule.ts';
import { chooseSlice, type Slice } from './slice.ts';
import type { Placement } from './world.ts';

export interface SchedulerDeps {
  readonly store: Database;
  readonly fleet: Fleet;
  readonly bus: Bus;
  readonly time: HubTime;
  readonly log: Logger;
}

interface Delivery {
  readonly member: Member;
  readonly task: PollResponse_AgentAwareTask;
}

/** What has happened since the last pass that may let a task be placed. */
interface News {
  readonly queues: Set<string>;
  readonly workers: Set<number>;
  /** Queues whose first task has waited long enough for a worker to be kept free. */
  readonly impatient: Set<string>;
}

const noNews = (): News => ({ queues: new Set(), workers: new Set(), impatient: new Set() });

/** Takes at most `limit` out of a set. */
function takeSome<T>(from: Set<T>, limit: number): T[] {
  const taken = [...from.values().take(limit)];
  for (const one of taken) from.delete(one);
  return taken;
}

/** What one pass looks at; the rest is for the next. */
const QUEUES_PER_PASS = 16;
const WORKERS_PER_PASS = 32;

/**
 * Runs the pure scheduler over the part of the world that has changed, and carries its decisions out: one transaction,
 * then the answers to the polls. Neither the number of waiting tasks nor that of idle workers makes a pass longer.
 */
export class Scheduler {
  readonly queues = new QueueIndex();
  readonly #reservations = new Reservations();
  readonly #news = noNews();
  /** What the present pass has taken out of the news, and what passes that failed have. */
  #inHand = noNews();
  readonly #owed = noNews();
  #running: Promise<void> | undefined;
  #next = Promise.withResolvers<void>();

  constructor(private readonly deps: SchedulerDeps) {}

  /** Queues that have a task more. */
  queued(classIds: readonly string[]): void {
    for (const id of classIds) this.#news.queues.add(id);
    if (classIds.length > 0) void this.#request();
  }

  /** The first tasks of these queues have waited so long that a worker may be kept free for them. */
  impatient(classIds: readonly string[]): void {
    for (const id of classIds) this.#news.impatient.add(id);
    this.queued(classIds);
  }

  /** A worker has more room than before, or other work to tell. Resolves after a pass that knew it. */
  workerFreed(workerId: number): Promise<void> {
    const member = this.deps.fleet.get(workerId);
    if (member !== undefined) member.running = undefined;
    return this.workerReady(workerId);
  }

  /** A worker has opened a poll. Resolves after a pass that knew it. */
  workerReady(workerId: number): Promise<void> {
    this.#news.workers.add(workerId);
    return this.#request();
  }

  /** Passes that failed, since the database was away, are made up for. */
  tryAgain(): void {
    for (const id of takeSome(this.#owed.workers, Number.POSITIVE_INFINITY)) void this.workerReady(id);
    this.queued(takeSome(this.#owed.queues, Number.POSITIVE_INFINITY));
  }

  /** By queue: which worker is kept free. */
  get reservations(): ReadonlyMap<string, number> {
    return this.#reservations.byQueue;
  }

  /** Resolves when no pass is under way. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  #request(): Promise<void> {
    const { promise } = this.#next;
    this.#running ??= this.#passes();
    return promise;
  }

  get #hasNews(): boolean {
    return this.#news.queues.size > 0 || this.#news.workers.size > 0;
  }

  async #passes(): Promise<void> {
    while (this.#hasNews) {
      try {
        await this.#pass();
      } catch (error) {
        this.deps.log.error('scheduling failed', { error: String(error) });
        for (const id of this.#inHand.queues) this.#owed.queues.add(id);
        for (const id of this.#inHand.workers) this.#owed.workers.add(id);
      }
      this.#inHand = noNews();
    }
    // whatever was asked for since, some pass has taken it into account
    const done = this.#next;
    this.#next = Promise.withResolvers();
    this.#running = undefined;
    done.resolve();
  }

  async #pass(): Promise<void> {
    const { store, fleet, bus, time } = this.deps;
    const slice = await this.#takeSlice();
    if (fleet.closing) return; // what waits is for another hub, or for the next life of this one
    if (slice.queues.length === 0 || slice.members.length === 0) return;
    const effects = noEffects();
    const done = await store.write((sql) => this.#decide(sql, slice, time.now(), effects));
    for (const { member, task } of done.deliveries) {
      member.undelivered.push(task);
      member.running = [...(member.running ?? []), task.resourcesToUse];
      fleet.wake(member.record.id);
    }
    this.#reservations.settle(done.world, done.decisions);
    this.#reservations.dropStale(fleet);
    for (const id of done.empty) await store.read((sql) => this.queues.drop(sql, id));
    // a queue that gave something may have more to give than one pass takes
    for (const id of done.gave) if (!done.empty.includes(id)) this.#news.queues.add(id);
    tellEffects(bus, effects);
  }

  /** Takes some of the news, and what belongs to it. */
  async #takeSlice(): Promise<Slice> {
    const { store, fleet } = this.deps;
    const ids = takeSome(this.#news.queues, QUEUES_PER_PASS);
    const workerIds = takeSome(this.#news.workers, WORKERS_PER_PASS);
    this.#inHand = { ...noNews(), queues: new Set(ids), workers: new Set(workerIds) };
    const impatient = new Set(ids.filter((id) => this.#news.impatient.delete(id)));
    const members = workerIds.flatMap((id) => fleet.get(id) ?? []);
    const unknown = ids.filter((id) => this.queues.get(id) === undefined);
    const unread = members.filter(({ running }) => running === undefined);
    if (unknown.length + unread.length > 0) {
      await store.read(async (sql) => {
        for (const id of unknown) await this.queues.find(sql, id);
        const placed = await placedOn(
          sql,
          unread.map(({ record }) => record.id),
        );
        for (const member of unread) member.running = placed.get(member.record.id) ?? [];
      });
    }
    const news = ids.flatMap((id) => this.queues.get(id) ?? []);
    const { reservations } = this;
    return chooseSlice({ fleet, queues: this.queues, reservations, news, impatient, members });
  }

  async #decide(sql: Queries, { queues, members }: Slice, now: Instant, effects: Effects) {
    const { fleet } = this.deps;
    const world = await readWorld(sql, { queues, members, fleet, reservations: this.reservations, hubMs: now.hubMs });
    const decisions = schedule(world);
    const text = decisions.length === 0 ? undefined : recordWorld(world, decisions);
    const worldId = text === undefined ? null : await insertWorld(sql, text);
    const deliveries: Delivery[] = [];
    for (const decision of decisions) {
      const delivery = await this.#carryOut(sql, decision, { now, worldId, effects });
      if (delivery !== undefined) deliveries.push(delivery);
    }
    const queueOf = new Map(world.queues.flatMap(({ id, heads }) => heads.map((task) => [task.id, id])));
    const gave = new Set(deliveries.flatMap(({ task }) => queueOf.get(Number(task.taskId)) ?? []));
    const empty = world.queues.filter(({ heads }) => heads.length === 0).map(({ id }) => id);
    return { world, decisions, deliveries, gave, empty };
  }

  async #carryOut(
    sql: Queries,
    { kind, taskId, workerId, reason }: Placement,
    { now, worldId, effects }: { readonly now: Instant; readonly worldId: number | null; readonly effects: Effects },
  ): Promise<Delivery | undefined> {
    const { fleet, log } = this.deps;
    const member = fleet.get(workerId);
    const task = await findTask(sql, taskId);
    if (member === undefined || task === undefined) return undefined;
    const { name: worker, poolId } = member.record;
    const audit = { taskId, worker, reason, worldId };
    if (kind === 'reserve') {
      await recordDecision(sql, { ...audit, kind: 'reserved' }, now.wallMs);
      return undefined;
    }
    if (!(await dequeue(sql, taskId, true))) return undefined; // another hub was faster
    const limitSeconds = fleet.settingsOf(poolId).maxTaskTimeoutSeconds;
    const patch = {
      status: 'SCHEDULED',
      reason: null,
      workerId,
      workerName: worker,
      session: member.session ?? null,
      handouts: 1,
      slotHeld: true,
      placedHubMs: now.hubMs,
      timeoutSeconds: Math.min(task.timeoutSeconds, limitSeconds),
    } as const;
    await changeTask(sql, task, patch, now, effects);
    await recordDecision(sql, { ...audit, kind: 'placed' }, now.wallMs);
    log.info('task placed', { taskId: String(taskId), workerName: worker });
    return { member, task: await agentTask(sql, task) };
  }
}
