import { describeError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Environment } from '../../platform/environment.ts';
import type { RpcClient } from '../../rpc/client.ts';
import type { HttpCache } from '../http-cache/start-http-cache.ts';
import type { RetryDeps } from '../retry.ts';
import type { TaskIdentity } from '../task-api.ts';
import { type CacheApi, createCacheApi } from './cache-api.ts';
import { type CacheStore, hostStore, serverStore } from './cache-store.ts';
import { TaskCaches } from './task-caches.ts';
import type { Dial } from './transfer/byte-stream.ts';
import { PART_BYTES } from './transfer/upload-archive.ts';

export interface CacheServiceDeps extends RetryDeps {
  readonly client: RpcClient;
  readonly dial: Dial;
  readonly temporary: string;
  readonly log: Logger;
}

/** What a task has of caches: those of its instructions, and a server for the build tools that its scripts start. */
export class CacheService {
  readonly caches: TaskCaches;
  readonly #api: CacheApi;
  readonly #store: CacheStore;
  #http: HttpCache | undefined;

  constructor(
    identity: TaskIdentity,
    private readonly deps: CacheServiceDeps,
  ) {
    this.#api = createCacheApi(deps.client, identity, deps);
    const storeDeps = { ...deps, api: this.#api, partBytes: PART_BYTES };
    this.#store = serverStore(storeDeps);
    this.caches = new TaskCaches((host = '') =>
      host === '' || host === this.#http?.host ? this.#store : hostStore(host, this.#api, storeDeps),
    );
  }

  /**
   * The variables that name the cache server (specification of the agent, 4.1): one outside that the agent's own
   * environment or the task names, else ours, which starts with this. `onTrouble` is told when it does not.
   */
  async serve(task: Environment, process: Environment, onTrouble: (error: unknown) => void): Promise<Environment> {
    const outside = process.CIRRUS_HTTP_CACHE_HOST ?? task.CIRRUS_HTTP_CACHE_HOST;
    if (outside !== undefined) return { CIRRUS_HTTP_CACHE_HOST: outside };
    try {
      const { startHttpCache } = await import('../http-cache/start-http-cache.ts');
      this.#http = await startHttpCache(process.HOME, { api: this.#api, store: this.#store, log: this.deps.log });
      return { CIRRUS_HTTP_CACHE_HOST: this.#http.host, OMNI_CACHE_ADDRESS: this.#http.host };
    } catch (error) {
      onTrouble(error);
      return { CIRRUS_HTTP_CACHE_HOST: '' };
    }
  }

  /** Ends the server. Does not reject. */
  async stop(): Promise<void> {
    await this.#http?.stop().catch((error: unknown) => {
      this.deps.log.warn('cache server was not stopped', { reason: describeError(error) });
    });
  }
}
