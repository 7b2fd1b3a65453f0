import { type Amounts, subtractAmounts } from '../lib/amounts.ts';
import type { Clock } from '../platform/clock.ts';
import type { PollResponse_AgentAwareTask } from '../rpc/gen/cirrus_ci_service_pb.ts';
import type { WorkerRecord } from './store/workers.ts';

/** A worker that has not been heard of for so long is offline. */
export const SILENCE_MS = 60_000;

/** After a start of the hub, workers get so long to come back before they count as silent. */
export const GRACE_MS = 90_000;

/** A poll that is being held open. */
export interface HeldPoll {
  /** Ends the wait; the poll is answered with what there is. */
  readonly release: () => void;
}

/** What the hub knows of a worker beyond what is stored. */
export interface Member {
  record: WorkerRecord;
  /** Names its one valid session, once it has polled in it. */
  session: string | undefined;
  /** Heard of in this life of the hub. */
  seen: boolean;
  /** Monotonic time at which it counts as silent unless it is heard of before. */
  aliveUntilMs: number;
  lastSeenMs: number;
  poll: HeldPoll | undefined;
  /** Tasks placed on it that no answer has taken along yet. */
  undelivered: PollResponse_AgentAwareTask[];
  /** Resources it uses for other hubs. */
  foreign: Amounts;
  missedSince: ReadonlyMap<number, number>;
  /** Tasks it was told to stop already, so that the same demand does not answer poll after poll at once. */
  readonly told: Set<string>;
}

/** All registered workers, in memory: who is there, who has a poll open. */
export class Fleet {
  readonly #members = new Map<number, Member>();
  /** Set when the hub goes down: polls are answered at once from then on. */
  closing = false;

  constructor(private readonly clock: Pick<Clock, 'monoMs' | 'wallMs'>) {}

  /** A worker of an earlier life of the hub: it gets the grace period to come back to its tasks. */
  restore(record: WorkerRecord): void {
    this.#members.set(record.id, this.#member(record, GRACE_MS));
  }

  /** A worker that has just registered, whether it was known before or not. */
  join(record: WorkerRecord): Member {
    const former = this.#members.get(record.id);
    former?.poll?.release();
    former?.undelivered.splice(0); // its first poll does not name them, so they are handed out again
    const member = { ...this.#member(record, SILENCE_MS), seen: true };
    this.#members.set(record.id, member);
    return member;
  }

  #member(record: WorkerRecord, aliveForMs: number): Member {
    return {
      record,
      session: undefined,
      seen: false,
      aliveUntilMs: this.clock.monoMs() + aliveForMs,
      lastSeenMs: record.lastSeenMs,
      poll: undefined,
      undelivered: [],
      foreign: {},
      missedSince: new Map(),
      told: new Set(),
    };
  }

  /** The worker is registered no more; its open poll is answered. */
  forget(workerId: number): void {
    this.#members.get(workerId)?.poll?.release();
    this.#members.delete(workerId);
  }

  get(workerId: number): Member | undefined {
    return this.#members.get(workerId);
  }

  find(poolId: number, name: string): Member | undefined {
    return this.members().find(({ record }) => record.poolId === poolId && record.name === name);
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
  }

  /** Has not been heard of for too long, so that its tasks are lost. */
  isSilent({ poll, aliveUntilMs }: Member): boolean {
    return poll === undefined && this.clock.monoMs() >= aliveUntilMs;
  }

  isOnline(member: Member): boolean {
    return member.seen && !this.isSilent(member);
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

/** Whether two maps say the same. */
export function sameMap(left: Readonly<Record<string, unknown>>, right: Readonly<Record<string, unknown>>): boolean {
  const names = Object.keys(left);
  return names.length === Object.keys(right).length && names.every((name) => left[name] === right[name]);
}

/** What of `reported` (all that a worker uses) is not explained by `own`, the tasks that this hub gave it. */
export function foreignUse(reported: Amounts, own: readonly Amounts[]): Amounts {
  const rest = own.reduce<Amounts>(subtractAmounts, reported);
  return Object.fromEntries(Object.entries(rest).filter(([name, amount]) => name in reported && amount > 0));
}
