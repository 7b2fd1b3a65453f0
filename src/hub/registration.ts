import type { Logger } from '../lib/log.ts';
import { printable } from '../lib/printable.ts';
import { RateLimiter } from '../lib/rate-limit.ts';
import type { Clock } from '../platform/clock.ts';
import { randomToken } from '../platform/random.ts';
import type { RegisterRequest } from '../rpc/gen/cirrus_ci_service_pb.ts';
import { RpcError } from '../rpc/rpc-error.ts';
import type { Changes } from './changes.ts';
import type { Fleet } from './fleet.ts';
import type { Member } from './member.ts';
import { judgeName } from './name-claim.ts';
import type { Roster } from './roster.ts';
import type { Database, Queries } from './store/database.ts';
import { sharedNow } from './store/hubs.ts';
import type { IdSource } from './store/ids.ts';
import { type Pool, poolById } from './store/pools.ts';
import { findToken, patchToken, stateOfToken, type TokenRecord } from './store/tokens.ts';
import { hasServed } from './store/worker-tasks.ts';
import {
  deleteWorker,
  idOfName,
  replaceSession,
  saveLastSeen,
  saveWorker,
  type WorkerRecord,
} from './store/workers.ts';
import { checkWorkerInfo } from './worker-info.ts';

export interface RegistrationDeps {
  readonly store: Database;
  readonly fleet: Fleet;
  readonly roster: Roster;
  readonly changes: Changes;
  readonly ids: IdSource;
  readonly clock: Pick<Clock, 'monoMs' | 'wallMs'>;
  readonly log: Logger;
}

/** A worker that comes again and again costs a write each time; one that restarts now and then does not notice. */
const PER_NAME = { burst: 30, refillMs: 2_000 };
/** Wrong tokens, per address: enough for a whole rack of misconfigured machines, too few to fill the log. */
const WRONG_TOKENS = { burst: 20, refillMs: 5_000 };

const MAX_NAME = 200;

const WHERE = "give the worker the one in the file registration-token of the hub's data folder";

interface Admitted {
  readonly pool: Pool;
  readonly token: TokenRecord;
}

const addressOf = (peer: string) => peer.replace(/:\d+$/, '');

/** Lets workers in: each gets a session under a name that is its own in its pool. */
export class Registration {
  readonly #perName = new RateLimiter(PER_NAME);
  readonly #wrongTokens = new RateLimiter(WRONG_TOKENS);

  constructor(private readonly deps: RegistrationDeps) {}

  /**
   * Registers a worker in the pool of its token; resolves with its session token. Throws `RpcError`: PERMISSION_DENIED
   * for the token, ALREADY_EXISTS for a name that another worker has, RESOURCE_EXHAUSTED for a full pool or one that
   * comes too often, INVALID_ARGUMENT for a description that no worker has.
   */
  async register({ registrationToken, workerInfo }: RegisterRequest, peer: string): Promise<string> {
    const { store, fleet, roster, clock, changes, ids, log } = this.deps;
    const { labels, resources } = checkWorkerInfo(workerInfo);
    const name = labels.name || labels.hostname || 'worker';
    const { pool, token } = await this.#admit(registrationToken, name, peer);
    this.#limit(this.#perName, `${pool.id} ${name}`, `worker "${name}" registers again and again`);
    await this.#forgetGone(pool.id);
    const holder = await roster.named(pool.id, name);
    this.#claim(holder, name, labels);
    this.#checkRoom(pool, holder);
    const record: WorkerRecord = {
      id: holder?.record.id ?? ids.next(),
      poolId: pool.id,
      pool: pool.name,
      name,
      labels,
      resources,
      disabled: holder?.record.disabled ?? false,
      draining: false,
      called: holder?.record.called ?? '',
      peer,
      ephemeral: pool.settings.ephemeral || labels.ephemeral === 'true',
      lastSeenMs: clock.wallMs(),
    };
    const session = randomToken();
    const nowMs = clock.wallMs();
    await store.write(async (sql) => {
      if ((await idOfName(sql, pool.id, name)) !== holder?.record.id) {
        throw new RpcError('UNAVAILABLE', `another worker registers as "${name}" just now; try again`);
      }
      const lastSeenMs = await sharedNow(sql, store.dialect, nowMs);
      await saveWorker(sql, { ...record, lastSeenMs });
      await saveLastSeen(sql, record.id, lastSeenMs);
      await replaceSession(sql, record.id, session, { tokenId: token.id, nowMs });
      await patchToken(sql, token.id, { usedMs: nowMs });
    });
    fleet.join(record);
    changes.notify();
    log.info('worker registered', { workerName: name, pool: pool.name, peer, tokenId: token.id });
    return session;
  }

  /** An ephemeral worker whose task has ended is registered no more. Returns whether it was one. */
  async forgetIfDone({ record }: Member): Promise<boolean> {
    const { store, fleet, changes, log } = this.deps;
    if (!record.ephemeral) return false;
    const isDone = await store.write(async (sql) => {
      if (!(await hasServed(sql, record.id))) return false;
      await deleteWorker(sql, record.id);
      return true;
    });
    if (!isDone) return false;
    fleet.forget(record.id);
    changes.notify();
    log.info('ephemeral worker forgotten', { workerName: record.name, pool: record.pool });
    return true;
  }

  /** Those that went without a word are forgotten when the next one of their pool comes. */
  async #forgetGone(poolId: number): Promise<void> {
    const { fleet } = this.deps;
    const gone = fleet.members().filter((member) => member.record.poolId === poolId && fleet.isSilent(member));
    for (const member of gone) await this.forgetIfDone(member);
  }

  /** Keeps the name that stands in the worker's headers, by which `pause` and `resume` ask for it. */
  async calls(member: Member, called: string): Promise<void> {
    const { record } = member;
    const kept = called === record.name ? '' : called.slice(0, MAX_NAME);
    if (kept === record.called) return;
    member.record = { ...record, called: kept };
    await this.deps.store.write((sql) => saveWorker(sql, member.record));
  }

  #limit(limiter: RateLimiter, key: string, what: string): void {
    if (limiter.take(key, this.deps.clock.monoMs())) return;
    throw new RpcError('RESOURCE_EXHAUSTED', `${what}; try again in a minute`);
  }

  async #admit(registrationToken: string, name: string, peer: string): Promise<Admitted> {
    const { store, clock, log } = this.deps;
    const found = await store.read((sql) => admission(sql, registrationToken, clock.wallMs()));
    if (typeof found !== 'string') return found;
    this.#limit(this.#wrongTokens, addressOf(peer), 'too many registrations with a wrong token from this address');
    log.warn('registration refused', { workerName: printable(name, 100), peer, why: found });
    throw new RpcError('PERMISSION_DENIED', `${found}; ${WHERE}`);
  }

  #claim(holder: Member | undefined, name: string, labels: WorkerRecord['labels']): void {
    if (holder === undefined) return;
    const { fleet, clock, log } = this.deps;
    const claim = judgeName(
      { labels: holder.record.labels, peer: holder.record.peer, silent: fleet.isSilent(holder) },
      labels,
      clock.wallMs() - holder.lastSeenMs,
    );
    if (claim.kind === 'free') return;
    log.warn('registration refused: the name is taken', { workerName: name, holder: claim.host });
    throw new RpcError('ALREADY_EXISTS', `the name "${name}" ${claim.why}`);
  }

  #checkRoom({ id, name, settings }: Pool, holder: Member | undefined): void {
    const { fleet } = this.deps;
    const others = fleet.members().filter((member) => member.record.poolId === id && member !== holder);
    const present = others.filter((member) => !fleet.isSilent(member)).length;
    if (settings.maxWorkers === null || present < settings.maxWorkers) return;
    throw new RpcError('RESOURCE_EXHAUSTED', `pool ${name} has its ${settings.maxWorkers} workers already`);
  }
}

/** Pool and token that open the door, or the reason why it stays shut. */
async function admission(sql: Queries, token: string, nowMs: number): Promise<Admitted | string> {
  if (token === '') return 'no registration token was given';
  const found = await findToken(sql, token);
  const pool = found?.poolId == null ? undefined : await poolById(sql, found.poolId);
  if (found === undefined || pool === undefined) return 'this hub does not know the registration token';
  const state = stateOfToken(found, nowMs);
  return state === 'valid' ? { pool, token: found } : `this registration token is ${state}`;
}
