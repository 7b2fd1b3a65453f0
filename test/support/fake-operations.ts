import type { BuildView, DecisionView, TaskControl, TaskView, WhyView } from '../../src/hub/model.ts';
import {
  type Administration,
  DEFAULT_POOL_SETTINGS,
  type IssuedToken,
  type NewToken,
  type PoolSettings,
  type PoolView,
  type TokenView,
} from '../../src/hub/pool-model.ts';
import { AppError } from '../../src/lib/errors.ts';
import type { MemoryHub } from './memory-hub.ts';

const EPOCH = '2026-01-01T00:00:00.000Z';

function lacking(what: string, name: string): never {
  throw new AppError('CONFIG', `there is no ${what} ${name}`);
}

/** Pools and tokens in memory; workers that are paused by name. */
export class FakeAdministration implements Administration {
  readonly pools = new Map<string, PoolView>();
  readonly tokens: TokenView[] = [];
  readonly calls: string[] = [];

  listPools = async (): Promise<PoolView[]> => [...this.pools.values()];

  createPool = async (name: string, settings: Partial<PoolSettings> = {}): Promise<PoolView> => {
    const merged = { ...DEFAULT_POOL_SETTINGS, ...settings };
    const pool = { name, settings: merged, createdAt: EPOCH, workers: 0, tokens: 0 };
    this.pools.set(name, pool);
    return pool;
  };

  updatePool = async (name: string, settings: Partial<PoolSettings>): Promise<PoolView> => {
    const pool = this.pools.get(name) ?? lacking('pool', name);
    const changed = { ...pool, settings: { ...pool.settings, ...settings } };
    this.pools.set(name, changed);
    return changed;
  };

  removePool = async (name: string): Promise<void> => {
    if (!this.pools.delete(name)) lacking('pool', name);
  };

  listTokens = async (filter: { readonly pool?: string; readonly kind?: TokenView['kind'] } = {}) =>
    this.tokens.filter(({ pool, kind }) => (filter.pool ?? pool) === pool && (filter.kind ?? kind) === kind);

  createToken = async (wish: NewToken): Promise<IssuedToken> => ({ view: this.#add(wish), token: 'issued-token' });

  importToken = async (wish: NewToken & { readonly pool: string }, token: string): Promise<TokenView> => {
    this.calls.push(`import ${token.length}`);
    return this.#add(wish);
  };

  rotateToken = async (id: string, overlapMs: number): Promise<IssuedToken> => {
    const old = this.tokens.find((token) => token.id === id) ?? lacking('token', id);
    this.calls.push(`rotate ${id} ${overlapMs}`);
    return { view: this.#add({ pool: old.pool ?? 'default' }), token: 'rotated-token' };
  };

  expireToken = async (id: string, inMs: number): Promise<TokenView> => {
    this.calls.push(`expire ${id} ${inMs}`);
    return this.tokens.find((token) => token.id === id) ?? lacking('token', id);
  };

  revokeToken = async (id: string, endSessions = false): Promise<TokenView> => {
    this.calls.push(`revoke ${id} ${endSessions}`);
    return this.tokens.find((token) => token.id === id) ?? lacking('token', id);
  };

  pauseWorker = async (name: string, pool?: string): Promise<void> => void this.calls.push(`pause ${name} ${pool}`);
  resumeWorker = async (name: string, pool?: string): Promise<void> => void this.calls.push(`resume ${name} ${pool}`);
  forgetWorker = async (name: string, pool?: string): Promise<void> => void this.calls.push(`forget ${name} ${pool}`);

  #add(wish: NewToken): TokenView {
    const view: TokenView = {
      id: `t${this.tokens.length + 1}`,
      kind: 'pool' in wish ? 'registration' : 'api',
      pool: 'pool' in wish ? wish.pool : null,
      role: 'role' in wish ? wish.role : null,
      note: wish.note ?? '',
      state: 'valid',
      createdAt: EPOCH,
      expiresAt: null,
      revokedAt: null,
      lastUsedAt: null,
    };
    this.tokens.unshift(view);
    return view;
  }
}

/** What people do to tasks, noted down. */
export class FakeControl implements TaskControl {
  readonly calls: string[] = [];

  constructor(private readonly core: MemoryHub) {}

  #note(verb: string, id: string, by: string): void {
    this.calls.push(`${verb} ${id} by ${by}`);
  }

  whyTask = async (id: string): Promise<WhyView | undefined> => {
    const task = await this.core.getTask(id);
    if (task === undefined) return undefined;
    return {
      ...{ taskId: id, status: task.status, kind: 'nobody', reason: 'no registered worker offers os=plan9' },
      missingLabels: [{ name: 'os', value: 'plan9', offered: ['linux'] }],
      missingResources: [],
      workers: [],
      matchingWorkers: 0,
      position: { place: 1, of: 2, exact: true },
      waitsFor: [],
      lock: null,
      missingPullRequestLabels: [],
      failsAt: EPOCH,
      capacityExpected: [],
    };
  };

  decisionsAbout = async (taskId: string): Promise<DecisionView[]> => [
    { id: '1', at: EPOCH, kind: 'placed', taskId, worker: 'w1', reason: 'first in line that fits' },
  ];

  async #task(verb: string, id: string, by: string): Promise<TaskView | undefined> {
    this.#note(verb, id, by);
    return this.core.getTask(id);
  }

  async #build(verb: string, id: string, by: string): Promise<BuildView | undefined> {
    this.#note(verb, id, by);
    return this.core.getBuild(id);
  }

  cancelTask = (id: string, by: string) => this.#task('cancel', id, by);
  rerunTask = (id: string, by: string) => this.#task('rerun', id, by);
  triggerTask = (id: string, by: string) => this.#task('trigger', id, by);
  cancelBuild = (id: string, by: string) => this.#build('cancel build', id, by);
  rerunBuild = (id: string, by: string) => this.#build('rerun build', id, by);
  labelPullRequest = async (): Promise<void> => {};
  expectCapacity = async (): Promise<void> => {};
}
