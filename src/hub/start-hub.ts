import { join, resolve } from 'node:path';
import { AppError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Environment } from '../platform/environment.ts';
import { ensureWritableFolder } from '../platform/files.ts';
import { hostName } from '../platform/host.ts';
import type { Random } from '../platform/random.ts';
import { startRpcServer } from '../rpc/server.ts';
import { openBlobs } from './blobs/blob-options.ts';
import { hubName, openDataFolder } from './data-folder.ts';
import { DiskWatch, freeBytesOf } from './disk-watch.ts';
import { prepareTokens, type TokenPaths } from './first-start.ts';
import { startHeart } from './heart.ts';
import { formatListen, type HubOptions } from './hub-options.ts';
import { openObjects } from './logs/object-store.ts';
import { openLogs } from './logs/open-logs.ts';
import { loadSecretsKey } from './secrets/key-file.ts';
import { createVault } from './secrets/vault.ts';
import { serveHttp } from './serve-http.ts';
import { createSourceStore, type SourceStore } from './source/source-store.ts';
import { Database } from './store/database.ts';
import { DEFAULT_RETENTION, Retention } from './upkeep/retention.ts';

export interface HubDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** For PATH, on which git is looked for. */
  readonly env: Environment;
}

export interface RunningHub {
  readonly grpcPort: number;
  readonly httpPort: number;
  /** How people reach the page. */
  readonly publicUrl: string;
  readonly tokens: TokenPaths;
  /** Ends in good order: held polls are answered, running calls get 5 s, or less when `hurry` aborts. */
  stop(hurry: AbortSignal): Promise<void>;
}

/** Kept free for results and logs of what has begun. */
export const MIN_FREE_BYTES = 256 * 1024 * 1024;

const DRAIN_MS = 5_000;

/** A host that others can use: an address that means "all of them" is none. */
function reachableHost(host: string): string {
  return host === '0.0.0.0' || host === '::' ? hostName() : host;
}

/** What has been begun and must be ended again, in reverse order. */
class Undo {
  readonly #steps: (() => Promise<void> | void)[] = [];

  add(step: () => Promise<void> | void): void {
    this.#steps.unshift(step);
  }

  async run(): Promise<void> {
    for (const step of this.#steps.splice(0)) await step();
  }
}

function abortAfter(ms: number, clock: Pick<Clock, 'after'>, hurry: AbortSignal) {
  const controller = new AbortController();
  const cancel = clock.after(ms, () => controller.abort());
  return { signal: AbortSignal.any([controller.signal, hurry]), cancel };
}

async function serve(options: HubOptions, deps: HubDeps, undo: Undo, signal: AbortSignal): Promise<RunningHub> {
  const { clock, random, log, env } = deps;
  const folder = await openDataFolder(resolve(options.dataFolder)); // git runs elsewhere
  undo.add(() => folder.release());
  const store = await Database.open(options.database?.reveal() ?? join(folder.path, 'hub.db'));
  undo.add(() => store.close());
  const shared = options.sharedFolder === undefined ? folder.path : resolve(options.sharedFolder);
  await ensureWritableFolder(shared);
  const address = { url: '' };
  const publicUrl = () => options.publicUrl ?? address.url;
  const told = () => ({ text: publicUrl(), given: options.publicUrl !== undefined });
  const disk = new DiskWatch({
    ...{ folders: [...new Set([folder.path, shared])], minFreeBytes: options.minFreeBytes ?? MIN_FREE_BYTES },
    ...{ freeBytes: freeBytesOf, clock, log },
  });
  await disk.look();
  const trees = await createSourceStore({ folder: join(shared, 'source'), publicUrl, clock, log, env }, signal);
  const source: SourceStore = {
    ...trees,
    putTree: (body, stop) => {
      disk.expectRoom();
      return trees.putTree(body, stop);
    },
  };
  const blobOptions = options.blobs ?? { limits: {} };
  const objects = await openObjects(blobOptions, join(shared, 'objects'));
  const logs = await openLogs({ store, folder: join(folder.path, 'logs'), objects, clock, log });
  const key = await loadSecretsKey(options.secretsKeyFile ?? join(shared, 'secrets-key'));
  const vault = createVault(store, key, clock);
  const blobs = await openBlobs(blobOptions, join(shared, 'blobs'), clock.wallMs);
  const content = { blobs, limits: blobOptions.limits, publicUrl: told };
  const heart = await startHeart({
    store,
    hub: await hubName(folder),
    logs,
    disk,
    source,
    vault,
    content,
    clock,
    random,
    log,
  });
  undo.add(() => heart.stop());
  const keeping = new AbortController();
  const retention = new Retention(
    { store, logs: logs.storage, source, clock, log },
    options.retention ?? DEFAULT_RETENTION,
  );
  const keeper = Promise.all([heart.keeper.run(keeping.signal), retention.run(keeping.signal)]);
  undo.add(() => {
    keeping.abort();
    return keeper.then(() => {});
  });
  const tokens = await prepareTokens(store, folder, heart.ids, clock.wallMs(), log);
  const feeds = new AbortController();
  const draining = { begun: false };
  const isDraining = () => draining.begun;
  const served = serveHttp(options, deps, {
    ...{ store, heart, source, vault, folder: shared, publicUrl, isDraining, stop: feeds.signal },
  });
  const http = served.server;
  undo.add(async () => {
    feeds.abort();
    await served.crons;
    await http.stop();
  });
  const reachable = formatListen({ host: reachableHost(options.listen.host), port: http.port });
  address.url = `${options.certificate === undefined ? 'http' : 'https'}://${reachable}`;
  const rpc = await startRpcServer({
    listen: formatListen(options.grpc),
    certificate: options.certificate,
    handlers: heart.handlers,
    onBug: (method, error) => log.error('a call failed', { method, error: String(error) }),
  });
  return {
    grpcPort: rpc.port,
    httpPort: http.port,
    publicUrl: publicUrl(),
    tokens,
    async stop(hurry) {
      draining.begun = true; // load balancers and clients go elsewhere
      heart.release();
      const bound = abortAfter(options.drainMs ?? DRAIN_MS, clock, hurry);
      await rpc.stop(bound.signal); // its clients send what they have begun
      bound.cancel();
      await undo.run();
    },
  };
}

/**
 * Starts the hub: data folder, store, source, gRPC and HTTP. Throws `AppError` after undoing what it had begun: CONFIG
 * for a folder that cannot be used, UNAVAILABLE for an address that is taken. `signal` bounds the start alone.
 */
export async function startHub(options: HubOptions, deps: HubDeps, signal: AbortSignal): Promise<RunningHub> {
  const undo = new Undo();
  try {
    return await serve(options, deps, undo, signal);
  } catch (error) {
    await undo.run();
    if (!(error instanceof AppError) && signal.aborted) {
      throw new AppError('TEMPORARY', 'the hub was stopped while it was starting', { cause: error });
    }
    throw error;
  }
}
