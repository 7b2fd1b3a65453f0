import type { Role } from './model.ts';

/** What a pool allows. Durations in whole seconds. */
export interface PoolSettings {
  /** How long a task may wait for a worker that could take it; 0 = for ever. */
  readonly queueLimitSeconds: number;
  /** How long a poll may be held open, 0 to 20; 0 suits workers that poll several hubs one after the other. */
  readonly maxHoldSeconds: number;
  /** Longest `timeout_in` that a task gets on these workers. */
  readonly maxTaskTimeoutSeconds: number;
  /** Most workers that may be registered at a time; null = no limit. */
  readonly maxWorkers: number | null;
  /** Most tasks that the workers of the pool run at a time, all together; null = no limit. */
  readonly maxTasks: number | null;
  /** Each worker gets one task and is forgotten after it. */
  readonly ephemeral: boolean;
}

export const DEFAULT_POOL_SETTINGS: PoolSettings = {
  queueLimitSeconds: 24 * 3600,
  maxHoldSeconds: 20,
  maxTaskTimeoutSeconds: 2 * 3600,
  maxWorkers: null,
  maxTasks: null,
  ephemeral: false,
};

/** A pool of workers, as told to people. */
export interface PoolView {
  readonly name: string;
  readonly settings: PoolSettings;
  readonly createdAt: string;
  /** Registered workers. */
  readonly workers: number;
  /** Registration tokens that are good now. */
  readonly tokens: number;
}

export type TokenState = 'valid' | 'expired' | 'revoked';

/** A token as told to people: everything but the token, which nobody knows any more but its holders. */
export interface TokenView {
  /** Short name for commands; says nothing about the token. */
  readonly id: string;
  /** A registration token lets workers into a pool; an API token gives people and programs a role. */
  readonly kind: 'registration' | 'api';
  readonly pool: string | null;
  readonly role: Role | null;
  readonly note: string;
  readonly state: TokenState;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  /** When a worker last registered with it; null for API tokens and for one that was never used. */
  readonly lastUsedAt: string | null;
}

/** A token on its only way out of the hub. */
export interface IssuedToken {
  readonly view: TokenView;
  readonly token: string;
}

/** What a new token is for. */
export type NewToken = {
  readonly note?: string | undefined;
  /** Counted from now; absent = it does not expire. */
  readonly expiresInMs?: number | undefined;
} & ({ readonly pool: string } | { readonly role: Role });

/**
 * Pools, tokens and workers as operators handle them. Rejects with `AppError`: USAGE for a value that cannot be, CONFIG
 * for a name that is taken or not there.
 */
export interface Administration {
  listPools(): Promise<PoolView[]>;
  createPool(name: string, settings?: Partial<PoolSettings>): Promise<PoolView>;
  updatePool(name: string, settings: Partial<PoolSettings>): Promise<PoolView>;
  /** Refused while it has workers; its tokens end with it. */
  removePool(name: string): Promise<void>;
  /** Newest first. */
  listTokens(filter?: { readonly pool?: string; readonly kind?: TokenView['kind'] }): Promise<TokenView[]>;
  createToken(wish: NewToken): Promise<IssuedToken>;
  /** Takes over a registration token that workers have already, for example from the service they came from. */
  importToken(wish: NewToken & { readonly pool: string }, token: string): Promise<TokenView>;
  /** Issues a successor; the old one stays good for `overlapMs`, so that machines can be changed one by one. */
  rotateToken(id: string, overlapMs: number): Promise<IssuedToken>;
  /** Lets a good token end `inMs` from now, earlier or later than it would have. */
  expireToken(id: string, inMs: number): Promise<TokenView>;
  /**
   * From now on nobody registers with it. Workers that did go on, unless `endSessions` asks for their end too: then each
   * has to register anew with another token.
   */
  revokeToken(id: string, endSessions?: boolean): Promise<TokenView>;
  /** Hands out nothing more to the worker until it is resumed; what it runs goes on. */
  pauseWorker(name: string, pool?: string): Promise<void>;
  resumeWorker(name: string, pool?: string): Promise<void>;
  /** Removes a worker that does not run anything; if it still polls, it is refused and has to register anew. */
  forgetWorker(name: string, pool?: string): Promise<void>;
}
