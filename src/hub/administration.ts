import { AppError } from '../lib/errors.ts';
import type { Clock } from '../platform/clock.ts';
import { randomToken } from '../platform/random.ts';
import type { Changes } from './changes.ts';
import type { Fleet } from './fleet.ts';
import type { Member } from './member.ts';
import { checkImported, checkName, checkSettings, checkTokenWish } from './pool-checks.ts';
import type { Administration, IssuedToken, NewToken, PoolSettings, PoolView, TokenView } from './pool-model.ts';
import type { Database, Queries } from './store/database.ts';
import type { IdSource } from './store/ids.ts';
import { deletePool, ensurePool, findPool, listPools, type Pool, savePoolSettings } from './store/pools.ts';
import { placedTasks } from './store/tasks.ts';
import {
  addToken,
  findToken,
  findTokenById,
  listTokenRecords,
  patchToken,
  stateOfToken,
  type TokenRecord,
} from './store/tokens.ts';
import { deleteWorker, endSessionsOfToken } from './store/workers.ts';
import { rfc3339 } from './views.ts';
import type { WorkerDesk } from './worker-desk.ts';

export interface AdministrationDeps {
  readonly store: Database;
  readonly fleet: Fleet;
  readonly desk: Pick<WorkerDesk, 'setDisabled'>;
  readonly changes: Pick<Changes, 'notify'>;
  readonly ids: IdSource;
  readonly clock: Pick<Clock, 'wallMs'>;
}

const maybe = (ms: number | null) => (ms === null ? null : rfc3339(ms));

function missing(what: string, name: string, hint: string): AppError {
  return new AppError('CONFIG', `there is no ${what} "${name}"`, { hint });
}

/** Pools, tokens and workers as operators handle them. */
export class HubAdministration implements Administration {
  constructor(private readonly deps: AdministrationDeps) {}

  #view(token: TokenRecord): TokenView {
    const { id, pool, role, note, poolId } = token;
    return {
      id,
      kind: poolId === null ? 'api' : 'registration',
      pool,
      role,
      note,
      state: stateOfToken(token, this.deps.clock.wallMs()),
      createdAt: rfc3339(token.createdMs),
      expiresAt: maybe(token.expiresMs),
      revokedAt: maybe(token.revokedMs),
      lastUsedAt: maybe(token.usedMs),
    };
  }

  async #pool(sql: Queries, name: string): Promise<Pool> {
    const pool = await findPool(sql, name);
    if (pool === undefined) throw missing('pool', name, 'pwagent pools lists them');
    return pool;
  }

  async listPools(): Promise<PoolView[]> {
    const nowMs = this.deps.clock.wallMs();
    const [pools, tokens] = await this.deps.store.read(async (sql) => [
      await listPools(sql),
      (await listTokenRecords(sql)).filter((token) => stateOfToken(token, nowMs) === 'valid'),
    ]);
    const members = this.deps.fleet.members();
    return pools.map(({ id, name, settings, createdMs }) => ({
      name,
      settings,
      createdAt: rfc3339(createdMs),
      workers: members.filter(({ record }) => record.poolId === id).length,
      tokens: tokens.filter(({ poolId }) => poolId === id).length,
    }));
  }

  async #poolView(name: string): Promise<PoolView> {
    const view = (await this.listPools()).find((pool) => pool.name === name);
    if (view === undefined) throw missing('pool', name, 'pwagent pools lists them');
    return view;
  }

  async createPool(name: string, settings: Partial<PoolSettings> = {}): Promise<PoolView> {
    const { store, ids, clock } = this.deps;
    checkName(name, 'the name of a pool');
    checkSettings(settings);
    const id = ids.next();
    await store.write(async (sql) => {
      if ((await findPool(sql, name)) !== undefined) {
        throw new AppError('CONFIG', `there is a pool "${name}" already`, { hint: 'choose another name' });
      }
      const pool = await ensurePool(sql, name, id, clock.wallMs());
      await savePoolSettings(sql, pool.id, { ...pool.settings, ...settings });
    });
    return this.#poolView(name);
  }

  async updatePool(name: string, settings: Partial<PoolSettings>): Promise<PoolView> {
    checkSettings(settings);
    await this.deps.store.write(async (sql) => {
      const pool = await this.#pool(sql, name);
      await savePoolSettings(sql, pool.id, { ...pool.settings, ...settings });
    });
    this.deps.changes.notify();
    return this.#poolView(name);
  }

  async removePool(name: string): Promise<void> {
    await this.deps.store.write(async (sql) => {
      const pool = await this.#pool(sql, name);
      if (this.deps.fleet.members().some(({ record }) => record.poolId === pool.id)) {
        const hint = 'end its workers and forget them with pwagent workers forget NAME';
        throw new AppError('CONFIG', `pool "${name}" has workers`, { hint });
      }
      await deletePool(sql, pool.id);
    });
  }

  async listTokens(filter: { pool?: string; kind?: TokenView['kind'] } = {}): Promise<TokenView[]> {
    const all = (await this.deps.store.read(listTokenRecords)).map((token) => this.#view(token));
    const { pool, kind } = filter;
    return all.filter(
      (token) => (pool === undefined || token.pool === pool) && (kind === undefined || token.kind === kind),
    );
  }

  async #add(token: string, wish: NewToken): Promise<TokenView> {
    const { store, clock } = this.deps;
    const nowMs = clock.wallMs();
    const expiresMs = wish.expiresInMs === undefined ? null : nowMs + wish.expiresInMs;
    const record = await store.write(async (sql) => {
      const purpose = 'role' in wish ? wish : { poolId: (await this.#pool(sql, wish.pool)).id };
      return findTokenById(sql, await addToken(sql, token, purpose, { nowMs, note: wish.note ?? '', expiresMs }));
    });
    if (record === undefined) throw new TypeError('a token has gone that was just stored');
    return this.#view(record);
  }

  async createToken(wish: NewToken): Promise<IssuedToken> {
    checkTokenWish(wish);
    const token = randomToken();
    return { view: await this.#add(token, wish), token };
  }

  async importToken(wish: NewToken & { readonly pool: string }, token: string): Promise<TokenView> {
    checkTokenWish(wish);
    checkImported(token);
    const known = await this.deps.store.read((sql) => findToken(sql, token));
    if (known === undefined) return this.#add(token, wish);
    const view = this.#view(known);
    if (view.pool === wish.pool && view.state === 'valid') return view; // an import that is run again
    const hint = 'create a new one with pwagent tokens create';
    throw new AppError('CONFIG', `this hub knows that token already: ${view.id}, ${view.state}`, { hint });
  }

  async #token(sql: Queries, id: string): Promise<TokenRecord> {
    const token = await findTokenById(sql, id);
    if (token === undefined) throw missing('token', id, 'pwagent tokens lists them');
    return token;
  }

  async rotateToken(id: string, overlapMs: number): Promise<IssuedToken> {
    const { store, clock } = this.deps;
    checkTokenWish({ expiresInMs: overlapMs });
    const token = randomToken();
    const nowMs = clock.wallMs();
    const successor = await store.write(async (sql) => {
      const old = await this.#token(sql, id);
      const state = stateOfToken(old, nowMs);
      if (state !== 'valid') {
        throw new AppError('CONFIG', `token ${id} is ${state}`, {
          hint: 'create a new one with pwagent tokens create',
        });
      }
      const purpose = old.poolId === null ? { role: old.role ?? 'read' } : { poolId: old.poolId };
      const lifeMs = old.expiresMs === null ? null : old.expiresMs - old.createdMs;
      const about = { nowMs, note: old.note, expiresMs: lifeMs === null ? null : nowMs + lifeMs };
      const fresh = await addToken(sql, token, purpose, about);
      await patchToken(sql, id, { expiresMs: Math.min(old.expiresMs ?? Number.POSITIVE_INFINITY, nowMs + overlapMs) });
      return this.#token(sql, fresh);
    });
    return { view: this.#view(successor), token };
  }

  async expireToken(id: string, inMs: number): Promise<TokenView> {
    const { store, clock } = this.deps;
    const ended = await store.write(async (sql) => {
      const token = await this.#token(sql, id);
      const state = stateOfToken(token, clock.wallMs());
      if (state !== 'valid') throw new AppError('CONFIG', `token ${id} is ${state} already`);
      await patchToken(sql, id, { expiresMs: clock.wallMs() + inMs });
      return this.#token(sql, id);
    });
    return this.#view(ended);
  }

  async revokeToken(id: string, endSessions = false): Promise<TokenView> {
    const { store, clock } = this.deps;
    const revoked = await store.write(async (sql) => {
      const token = await this.#token(sql, id);
      if (token.revokedMs === null) await patchToken(sql, id, { revokedMs: clock.wallMs() });
      if (endSessions) await endSessionsOfToken(sql, id);
      return this.#token(sql, id);
    });
    return this.#view(revoked);
  }

  #worker(name: string, pool: string | undefined): Member {
    const found = this.deps.fleet
      .members()
      .filter(({ record }) => record.name === name && (pool === undefined || record.pool === pool));
    const [member, second] = found;
    if (member === undefined) throw missing('worker', name, 'pwagent workers lists them');
    if (second === undefined) return member;
    const pools = found.map(({ record }) => record.pool).join(', ');
    throw new AppError('USAGE', `several pools have a worker "${name}": ${pools}`, { hint: 'say which with --pool' });
  }

  pauseWorker = async (name: string, pool?: string): Promise<void> =>
    this.deps.desk.setDisabled(this.#worker(name, pool), true, 'people');

  resumeWorker = async (name: string, pool?: string): Promise<void> =>
    this.deps.desk.setDisabled(this.#worker(name, pool), false, 'people');

  async forgetWorker(name: string, pool?: string): Promise<void> {
    const { store, fleet, changes } = this.deps;
    const { record } = this.#worker(name, pool);
    await store.write(async (sql) => {
      if ((await placedTasks(sql, record.id)).length > 0) {
        const hint = 'cancel its tasks first, or wait until they have ended';
        throw new AppError('CONFIG', `worker "${name}" runs tasks`, { hint });
      }
      await deleteWorker(sql, record.id);
    });
    fleet.forget(record.id);
    changes.notify();
  }
}
