import type { Amounts } from '../lib/amounts.ts';
import type { Clock } from '../platform/clock.ts';
import type { HeldPoll, Member } from './member.ts';
import { DEFAULT_POOL_SETTINGS, type PoolSettings } from './pool-model.ts';
import type { SchedulerWorker, WorkerState } from './scheduler/matching.ts';
import type { WorkerRecord } from './store/workers.ts';

/** A worker that has not been heard of for so long is offline. */
export const SILENCE_MS = 60_000;

/** After a start of the hub, workers get so long to come back before they count as silent. */
export const GRACE_MS = 90_000;

/** A worker that registers more often than this within a minute is unsteady until it has been quiet for a while. */
const MAX_JOINS_PER_MINUTE = 5;
const CALM_MS = 15_000;

const nameKey = (poolId: number, name: string) => `${poolId} ${name}`;

/** All registered workers, in memory: who is there, who has a poll open. */
export class Fleet {
  readonly #members = new Map<number, Member>();
  readonly #byName = new Map<string, Member>();
  readonly #ready = new Set<Member>();
  #pools: ReadonlyMap<number, PoolSettings> = new Map();
  /** Monotonic times of the latest registrations of each worker. */
  readonly #joins = new Map<number, readonly number[]>();
  /** Wall time at which the machine of a worker of that name ends, as its supervisor says. */
  readonly #ends = new Map<string, number>();
  /** Set when the hub goes down: polls are answered at once from then on. */
  closing = false;
  /** Set while the hub takes no new work: nobody is given any. */
  suspended = false;

  constructor(private readonly clock: Pick<Clock, 'monoMs' | 'wallMs'>) {}

  /** A worker of an earlier life of the hub: it gets the grace period to come back to its tasks. */
  restore(record: WorkerRecord): void {
    this.#keep(this.#member(record, GRACE_MS));
  }

  /** A worker that has just registered, whether it was known before or not. */
  join(record: WorkerRecord): Member {
    const former = this.#members.get(record.id);
    former?.poll?.release();
    former?.undelivered.splice(0); // its first poll does not name them, so they are handed out again
    const member = { ...this.#member(record, SILENCE_MS), seen: true, heardMs: this.clock.monoMs() };
    this.#keep(member);
    const nowMs = this.clock.monoMs();
    const recent = (this.#joins.get(record.id) ?? []).filter((joinedMs) => nowMs - joinedMs < 60_000);
    this.#joins.set(record.id, [...recent, nowMs].slice(-2 * MAX_JOINS_PER_MINUTE));
    return member;
  }

  #keep(member: Member): void {
    const { id, poolId, name } = member.record;
    const former = this.#members.get(id);
    if (former !== undefined) this.#ready.delete(former);
    this.#members.set(id, member);
    this.#byName.set(nameKey(poolId, name), member);
  }

  /** The worker's open poll, or that it has none any more. */
  holds(member: Member, poll: HeldPoll | undefined): void {
    member.poll = poll;
    if (poll === undefined || this.#members.get(member.record.id) !== member) this.#ready.delete(member);
    else this.#ready.add(member);
  }

  /** Workers that have a poll open. */
  ready(): Member[] {
    return [...this.#ready];
  }

  setPools(pools: readonly { readonly id: number; readonly settings: PoolSettings }[]): void {
    this.#pools = new Map(pools.map(({ id, settings }) => [id, settings]));
  }

  poolIds(): Iterable<number> {
    return this.#pools.keys();
  }

  settingsOf(poolId: number): PoolSettings {
    return this.#pools.get(poolId) ?? DEFAULT_POOL_SETTINGS;
  }

  #member(record: WorkerRecord, aliveForMs: number): Member {
    return {
      record,
      session: undefined,
      seen: false,
      aliveUntilMs: this.clock.monoMs() + aliveForMs,
      lastSeenMs: record.lastSeenMs,
      heardMs: Number.NEGATIVE_INFINITY,
      poll: undefined,
      undelivered: [],
      foreign: {},
      missedSince: new Map(),
      running: undefined,
      ghosts: [],
      standby: '',
      told: new Set(),
    };
  }

  /** The worker is registered no more; its open poll is answered. */
  forget(workerId: number): void {
    const member = this.#members.get(workerId);
    if (member === undefined) return;
    const { poolId, name } = member.record;
    member.poll?.release();
    this.#ready.delete(member);
    this.#members.delete(workerId);
    this.#byName.delete(nameKey(poolId, name));
    this.#joins.delete(workerId);
  }

  get(workerId: number): Member | undefined {
    return this.#members.get(workerId);
  }

  find(poolId: number, name: string): Member | undefined {
    return this.#byName.get(nameKey(poolId, name));
  }

  /** By the name in its headers, where that is another than the one it registered under. */
  findCalled(poolId: number, name: string): Member | undefined {
    return (
      this.find(poolId, name) ?? this.members().find(({ record }) => record.poolId === poolId && record.called === name)
    );
  }

  members(): Member[] {
    return [...this.#members.values()];
  }

  /** The worker has been heard of. */
  saw(member: Member): void {
    member.seen = true;
    member.aliveUntilMs = this.clock.monoMs() + SILENCE_MS;
    member.lastSeenMs = this.clock.wallMs();
    member.heardMs = this.clock.monoMs();
  }

  /** Workers that this hub has heard of since then, those included that have a poll open here. */
  heardSince(monoMs: number): Member[] {
    return this.members().filter(({ poll, heardMs }) => poll !== undefined || heardMs >= monoMs);
  }

  heardAgoMs({ poll, heardMs }: Member): number {
    return poll !== undefined ? 0 : Math.floor(this.clock.monoMs() - heardMs);
  }

  /** Nobody could be heard of for a while, by no fault of theirs: all get the time to come back. */
  grace(): void {
    const untilMs = this.clock.monoMs() + GRACE_MS;
    for (const member of this.#members.values()) member.aliveUntilMs = Math.max(member.aliveUntilMs, untilMs);
  }

  /** What is stored of a worker, which may be at another hub; `agoMs` since any hub has heard of it. */
  learn(record: WorkerRecord, agoMs: number): void {
    const known = this.#members.get(record.id);
    const aliveForMs = SILENCE_MS - Math.max(0, agoMs);
    if (known === undefined) {
      this.#keep({ ...this.#member(record, aliveForMs), seen: aliveForMs > 0 });
      return;
    }
    known.record = record;
    known.aliveUntilMs = Math.max(known.aliveUntilMs, this.clock.monoMs() + aliveForMs);
    if (aliveForMs > 0) known.seen = true;
    known.lastSeenMs = Math.max(known.lastSeenMs, record.lastSeenMs);
  }

  /** Has not been heard of for too long, so that its tasks are lost. */
  isSilent({ poll, aliveUntilMs }: Member): boolean {
    return poll === undefined && this.clock.monoMs() >= aliveUntilMs;
  }

  isOnline(member: Member): boolean {
    return member.seen && !this.isSilent(member);
  }

  /** How it stands, for whoever gives out tasks. */
  stateOf(member: Member): WorkerState {
    const { disabled, draining, id } = member.record;
    if (disabled || draining || this.suspended) return 'paused';
    if (!this.isOnline(member)) return 'offline';
    const joins = this.#joins.get(id) ?? [];
    const calm = this.clock.monoMs() - (joins.at(-1) ?? 0) >= CALM_MS;
    return joins.length > MAX_JOINS_PER_MINUTE && !calm ? 'unsteady' : 'online';
  }

  /** The machine of the worker of that name ends at that wall time; null when nobody says so. */
  endsAt(workerName: string, wallMs: number | null): void {
    if (wallMs === null) this.#ends.delete(workerName);
    else this.#ends.set(workerName, wallMs);
  }

  /** The worker as the scheduler sees it. `running` by the store, where it was just read. */
  view(member: Member, running: readonly Amounts[] = member.running ?? []): SchedulerWorker {
    const { id, name, pool, labels, resources, ephemeral } = member.record;
    const endsMs = this.#ends.get(name);
    return {
      id,
      name,
      pool,
      labels,
      resources,
      state: this.stateOf(member),
      ready: member.poll !== undefined,
      running: [...running, ...member.ghosts],
      foreign: member.foreign,
      standby: member.standby,
      endsInMs: endsMs === undefined ? null : Math.max(0, Math.round(endsMs - this.clock.wallMs())),
      ephemeral,
    };
  }

  /** Answers the worker's open poll, if it has one. */
  wake(workerId: number | null): void {
    if (workerId !== null) this.#members.get(workerId)?.poll?.release();
  }

  /** Answers all polls, now and from now on. */
  close(): void {
    this.closing = true;
    for (const { poll } of this.#members.values()) poll?.release();
  }
}
