import { join } from 'node:path';
import { parseConfiguration } from '../cirrus-yml/parse-configuration.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Environment } from '../platform/environment.ts';
import { createAuditLog } from './audit/audit.ts';
import { type StartBuildDeps, startRepositoryBuild } from './build-starter.ts';
import { Crons } from './crons/crons.ts';
import type { Heart } from './heart.ts';
import { isLoopbackHost } from './http/access.ts';
import { createHttpApp } from './http/http-app.ts';
import { createHttpServer, type HttpServer } from './http/http-server.ts';
import type { HubOptions } from './hub-options.ts';
import { gatherFigures } from './metrics/gather.ts';
import { hubMetricsText } from './metrics/metrics.ts';
import { RequestCounts } from './metrics/request-counts.ts';
import type { SecretVault } from './secrets/vault.ts';
import { createRemoteRepositories } from './source/remote-repository.ts';
import { ANY_REPOSITORY, allowedRepository } from './source/repository-policy.ts';
import type { SourceStore } from './source/source-store.ts';
import type { Database } from './store/database.ts';
import { lazyPage } from './web/page-files.ts';

export interface ServeHttpParts {
  readonly store: Database;
  readonly heart: Heart;
  readonly source: SourceStore;
  readonly vault: SecretVault;
  readonly folder: string;
  readonly publicUrl: () => string;
  readonly isDraining: () => boolean;
  /** Ends event streams and crons. */
  readonly stop: AbortSignal;
}

export interface ServedHttp {
  readonly server: HttpServer;
  /** Settles when no cron is under way any more. */
  readonly crons: Promise<void>;
}

/** What may be fetched: what was configured, else, on a hub that only its own machine reaches, anything. */
export function allowedRepositories({ allowRepositories, listen }: HubOptions): readonly string[] {
  return allowRepositories ?? (isLoopbackHost(listen.host) ? ANY_REPOSITORY : []);
}

async function isUp(store: Database): Promise<boolean> {
  try {
    await store.read((sql) => sql`SELECT 1 AS one`);
    return true;
  } catch {
    return false; // whatever hinders it: the answer is for a load balancer
  }
}

/** Builds the HTTP side over an open store and starts it, crons included. Throws `AppError` as the server does. */
export function serveHttp(
  options: HubOptions,
  { clock, log, env }: { readonly clock: Clock; readonly log: Logger; readonly env: Environment },
  parts: ServeHttpParts,
): ServedHttp {
  const { store, heart, source, vault, folder, publicUrl, isDraining, stop } = parts;
  const { core, administration, control, door, artifacts } = heart;
  const allowed = allowedRepositories(options);
  const remotes = createRemoteRepositories({ folder: join(folder, 'source/fetch'), allowed, clock, env });
  const audit = createAuditLog(store, clock);
  const starting: StartBuildDeps = { core, source, remotes, vault, parse: parseConfiguration };
  const crons = new Crons({
    ...{ store, clock, audit, log },
    checkRepository: (url) => allowedRepository(url, allowed),
    start: ({ name, repository, branch }, signal) =>
      startRepositoryBuild(starting, { url: repository, branch, cron: name, environment: {} }, signal),
  });
  const requests = new RequestCounts();
  const startedMonoMs = clock.monoMs();
  const app = createHttpApp({
    ...starting,
    ...{ door, artifacts, administration, control, audit, crons, clock, log, requests, publicUrl, isDraining, stop },
    listensOnLoopback: isLoopbackHost(options.listen.host),
    page: lazyPage(),
    isStoreUp: () => isUp(store),
    metrics: async () =>
      hubMetricsText(await gatherFigures({ store, core, requests, clock, startedMonoMs, isDraining })),
  });
  const { host, port } = options.listen;
  const server = createHttpServer({
    ...{ hostname: host, port, tls: options.certificate },
    fetch: (request, facts) => app.fetch(request, facts),
  });
  return { server, crons: crons.run(stop) };
}
