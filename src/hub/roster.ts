import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Fleet } from './fleet.ts';
import type { Member } from './member.ts';
import type { Database, Queries } from './store/database.ts';
import { keepSlot, leaveSlot, sharedNow } from './store/hubs.ts';
import type { IdSource } from './store/ids.ts';
import { listWorkerRecords, saveLastSeen, type WorkerWanted, workerOfSession } from './store/workers.ts';

/** When a worker was last heard of is stored no more often, so that thousands that poll cost little. */
const SEEN_EVERY_MS = 15_000;

/** A hub that could not look for so long knows nothing of anybody. */
const BLIND_MS = 30_000;

/** Changes of the fleet come in crowds. */
const SOON_MS = 500;

export interface RosterDeps {
  readonly store: Database;
  readonly fleet: Fleet;
  readonly ids: IdSource;
  /** Names this hub among those on the database. */
  readonly hub: string;
  readonly clock: Pick<Clock, 'after' | 'monoMs' | 'wallMs'>;
  readonly log: Logger;
}

/**
 * Which workers there are, over all hubs on one database: a worker may register at one hub and poll at another, and is
 * silent only when none has heard of it. A hub that is alone knows everything by itself, and this does nothing.
 */
export class Roster {
  readonly #shared: boolean;
  /** By worker: monotonic time of the last look that was stored. */
  readonly #storedMs = new Map<number, number>();
  #syncing: Promise<void> | undefined;
  #syncedMs: number;
  #cancelSoon: (() => void) | undefined;

  constructor(private readonly deps: RosterDeps) {
    this.#syncedMs = deps.clock.monoMs();
    this.#shared = deps.store.dialect.engine === 'postgres';
  }

  /** The worker that a session belongs to, and what names the session. */
  async ofSession(token: string): Promise<{ readonly member: Member; readonly session: string } | undefined> {
    const { store, fleet } = this.deps;
    const found = await store.read((sql) => workerOfSession(sql, token));
    if (found === undefined) return undefined;
    if (fleet.get(found.workerId) === undefined) await this.#lookUp({ id: found.workerId });
    const member = fleet.get(found.workerId);
    return member === undefined ? undefined : { member, session: found.session };
  }

  /** The worker of that name, as the newest registration at any hub left it. */
  async named(poolId: number, name: string): Promise<Member | undefined> {
    await this.#lookUp({ poolId, name });
    return this.deps.fleet.find(poolId, name);
  }

  async #lookUp(wanted: WorkerWanted): Promise<void> {
    const { store, fleet, clock } = this.deps;
    if (!this.#shared) return;
    await store.read(async (sql) => {
      const nowMs = await sharedNow(sql, store.dialect, clock.wallMs());
      for (const record of await listWorkerRecords(sql, wanted)) fleet.learn(record, nowMs - record.lastSeenMs);
    });
  }

  /** Tells the other hubs who is here, and learns who is there. Calls that come while one waits share it. */
  sync(): Promise<void> {
    if (!this.#shared) return Promise.resolve();
    this.#syncing ??= Promise.resolve().then(() => {
      this.#syncing = undefined; // who asks from now on wants what is stored from now on
      return this.deps.store.write((sql) => this.#exchange(sql));
    });
    return this.#syncing;
  }

  /** Something has changed at some hub: looks in a moment, once for many changes. */
  soon(): void {
    if (!this.#shared || this.#cancelSoon !== undefined) return;
    this.#cancelSoon = this.deps.clock.after(SOON_MS, () => {
      this.#cancelSoon = undefined;
      void this.sync().catch((error: unknown) =>
        this.deps.log.warn('workers of other hubs are not known', { error: String(error) }),
      );
    });
  }

  async #exchange(sql: Queries): Promise<void> {
    const { store, fleet, ids, hub, clock } = this.deps;
    const nowMs = await sharedNow(sql, store.dialect, clock.wallMs());
    ids.useSlot(await keepSlot(sql, hub, nowMs));
    const monoMs = clock.monoMs();
    if (monoMs - this.#syncedMs > BLIND_MS) fleet.grace(); // the database was away, and workers were sent away with it
    this.#syncedMs = monoMs;
    for (const member of fleet.heardSince(monoMs - SEEN_EVERY_MS)) {
      const { id } = member.record;
      if (monoMs - (this.#storedMs.get(id) ?? Number.NEGATIVE_INFINITY) < SEEN_EVERY_MS) continue;
      await saveLastSeen(sql, id, nowMs - fleet.heardAgoMs(member));
      this.#storedMs.set(id, monoMs);
    }
    const known = await listWorkerRecords(sql);
    for (const record of known) fleet.learn(record, nowMs - record.lastSeenMs);
    const stored = new Set(known.map(({ id }) => id));
    for (const { record } of fleet.members()) {
      if (stored.has(record.id)) continue;
      fleet.forget(record.id);
      this.#storedMs.delete(record.id);
    }
  }

  /** This hub ends in good order. */
  async leave(): Promise<void> {
    const { store, hub, log } = this.deps;
    this.#cancelSoon?.();
    if (!this.#shared) return;
    try {
      await store.write((sql) => leaveSlot(sql, hub));
    } catch (error) {
      log.warn('the other hubs could not be told of the end', { error: String(error) });
    }
  }
}
