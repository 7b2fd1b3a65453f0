import { Hono } from 'hono';
import { describeError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../platform/clock.ts';
import type { AuditLog } from '../audit/audit.ts';
import type { StartBuildDeps } from '../build-starter.ts';
import type { Crons } from '../crons/crons.ts';
import type { RequestCounts } from '../metrics/request-counts.ts';
import type { TaskControl } from '../model.ts';
import type { Administration } from '../pool-model.ts';
import { redactSourcePath } from '../source/source-store.ts';
import type { PageFiles } from '../web/page-files.ts';
import { apiEndpoints } from './api/endpoints.ts';
import { addBlobRoutes, type BlobRouteDeps } from './blob-routes.ts';
import { createGuard } from './guard.ts';
import { answerTo, HttpError } from './http-error.ts';
import { addEndpoints } from './router.ts';
import { securityHeaders } from './security-headers.ts';
import { addStateRoutes, type StateDeps } from './state-routes.ts';

export interface HttpAppDeps extends StartBuildDeps, StateDeps, BlobRouteDeps {
  readonly administration: Administration;
  readonly control: TaskControl;
  readonly audit: AuditLog;
  readonly crons: Pick<Crons, 'list' | 'create' | 'remove'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly requests: RequestCounts;
  /** `http://host:port` without a slash at the end, for addresses that people get. */
  readonly publicUrl: () => string;
  /** Whether only this machine can reach the hub: then reading needs no token. */
  readonly listensOnLoopback: boolean;
  /** The page, read when it is first asked for. */
  readonly page: () => Promise<PageFiles>;
  /** Ends event streams when the hub stops. */
  readonly stop: AbortSignal;
}

/** What the server knows of a connection; absent where there is none, as in tests. */
export interface ConnectionFacts {
  readonly address?: string | undefined;
}

/** `Retry-After` and the like: what some statuses owe the client. */
function headersFor(status: number, retryAfterS: number): Record<string, string> {
  if (status === 401) return { 'www-authenticate': 'Bearer' };
  return status === 503 || status === 429 ? { 'retry-after': String(retryAfterS) } : {};
}

function createErrorHandler(log: Logger) {
  return (error: unknown, path: string, client?: AbortSignal): Response => {
    const { status, body, isBug } = answerTo(error);
    if (isBug && client?.aborted === true) log.debug('a client went away', { path, error: describeError(error) });
    else if (isBug) {
      const stack = error instanceof Error ? error.stack : undefined;
      log.error('a request failed', { path, error: describeError(error), stack });
    }
    return Response.json(body, { status, headers: headersFor(status, 1) });
  };
}

function addPage(app: Hono, deps: HttpAppDeps): void {
  app.get('*', async (context) => {
    const file = (await deps.page()).find(new URL(context.req.url).pathname);
    if (file === undefined) throw new HttpError(404, `nothing is at ${context.req.path}`);
    return new Response(file.body, { headers: { 'content-type': file.type, 'cache-control': file.cacheControl } });
  });
}

/** The hub's HTTP side as one function from request to response: interface, page, and source for tasks. */
export function createHttpApp(deps: HttpAppDeps): Hono {
  const { clock, log, source, audit, requests } = deps;
  const app = new Hono();
  const guard = createGuard(deps);
  const answerError = createErrorHandler(log);
  app.use('*', async (context, next) => {
    const startedMs = clock.monoMs();
    await next();
    for (const [name, value] of Object.entries(securityHeaders)) context.res.headers.set(name, value);
    const path = redactSourcePath(context.req.path);
    const durationMs = Math.round(clock.monoMs() - startedMs);
    requests.add(context.req.method, context.res.status, durationMs);
    log.debug('request', { method: context.req.method, path, status: context.res.status, durationMs });
  });
  app.onError((error, context) => answerError(error, redactSourcePath(context.req.path), context.req.raw.signal));
  app.notFound((context) => answerError(new HttpError(404, `nothing is at ${context.req.path}`), context.req.path));
  addStateRoutes(app, deps, (context) => guard(context, 'read'));
  app.all('/git/*', (context) => source.handle(context.req.raw));
  app.get('/archive/*', (context) => source.handle(context.req.raw));
  addBlobRoutes(app, deps);
  addEndpoints(app, apiEndpoints(deps), {
    callerOf: guard,
    audit: (caller, action, { subject, detail }) => audit.record(caller, action, subject, detail),
  });
  addPage(app, deps);
  return app;
}
