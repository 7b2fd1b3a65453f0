import { Hono } from 'hono';
import { describeError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../platform/clock.ts';
import { redactSourcePath } from '../source/source-store.ts';
import type { PageFiles } from '../web/page-files.ts';
import { bearerToken, type Need, refusalOf } from './access.ts';
import { answerTo, HttpError } from './http-error.ts';
import { addReadRoutes } from './read-routes.ts';
import { MAX_NAME, newBuildSchema, readJson, supervisorReportSchema } from './request-schemas.ts';
import { securityHeaders } from './security-headers.ts';
import { type StartBuildDeps, startBuild } from './start-build.ts';

export interface HttpAppDeps extends StartBuildDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** `http://host:port` without a slash at the end, for addresses that people get. */
  readonly publicUrl: () => string;
  /** Whether only this machine can reach the hub: then reading needs no token. */
  readonly listensOnLoopback: boolean;
  /** The page, read when it is first asked for. */
  readonly page: () => Promise<PageFiles>;
  /** Ends event streams when the hub stops. */
  readonly stop: AbortSignal;
}

/** `Retry-After` and the like: what some statuses owe the client. */
function headersFor(status: number): Record<string, string> {
  if (status === 401) return { 'www-authenticate': 'Bearer' };
  return status === 503 ? { 'retry-after': '1' } : {};
}

function createErrorHandler(log: Logger) {
  return (error: unknown, path: string): Response => {
    const { status, body, isBug } = answerTo(error);
    if (isBug) {
      const stack = error instanceof Error ? error.stack : undefined;
      log.error('a request failed', { path, error: describeError(error), stack });
    }
    return Response.json(body, { status, headers: headersFor(status) });
  };
}

function createGuard({ core, listensOnLoopback }: HttpAppDeps) {
  return async (request: Request, need: Need): Promise<void> => {
    const token = bearerToken(request.headers.get('authorization') ?? undefined);
    const role = token === undefined || token === '' ? undefined : await core.roleOf(token);
    const host = request.headers.get('host') ?? new URL(request.url).host;
    const ofPool = need === 'report' && token !== undefined && (await core.isPoolToken(token));
    const refusal = refusalOf({ need, hasToken: token !== undefined, role, ofPool, listensOnLoopback, host });
    if (refusal !== undefined) throw refusal;
  };
}

const REPORT_PATH = /^\/api\/v1\/workers\/[^/]+\/supervisor$/;

function addWriteRoutes(app: Hono, deps: HttpAppDeps): void {
  const { source, publicUrl, core } = deps;
  app.put('/api/v1/workers/:name/supervisor', async (context) => {
    const report = await readJson(context.req.raw, supervisorReportSchema);
    await core.saveSupervisor(context.req.param('name').slice(0, MAX_NAME), report);
    return context.body(null, 204);
  });
  app.put('/api/v1/trees', async (context) => {
    const { body } = context.req.raw;
    if (body === null) throw new HttpError(400, 'the body is empty', 'send the work tree as a tar stream');
    const { treeId, sizeBytes, files } = await source.putTree(body, context.req.raw.signal);
    return context.json({ tree: treeId, sizeBytes, files });
  });
  app.post('/api/v1/builds', async (context) => {
    const request = await readJson(context.req.raw, newBuildSchema);
    const outcome = await startBuild(deps, request, context.req.raw.signal);
    if (outcome.kind === 'refused') return context.json({ problems: outcome.problems }, 422);
    const url = `${publicUrl()}/builds/${outcome.build.id}`;
    return context.json({ ...outcome.build, url, warnings: outcome.warnings }, 201);
  });
}

function needOf(method: string, path: string): Need {
  if (method === 'GET' || method === 'HEAD') return 'read';
  return REPORT_PATH.test(path) ? 'report' : 'write';
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
  const { clock, log, source } = deps;
  const app = new Hono();
  const guard = createGuard(deps);
  const answerError = createErrorHandler(log);
  app.use('*', async (context, next) => {
    const startedMs = clock.monoMs();
    await next();
    for (const [name, value] of Object.entries(securityHeaders)) context.res.headers.set(name, value);
    const path = redactSourcePath(context.req.path);
    const durationMs = Math.round(clock.monoMs() - startedMs);
    log.debug('request', { method: context.req.method, path, status: context.res.status, durationMs });
  });
  app.onError((error, context) => answerError(error, redactSourcePath(context.req.path)));
  app.notFound((context) => answerError(new HttpError(404, `nothing is at ${context.req.path}`), context.req.path));
  app.get('/healthz', (context) => context.json({ status: 'ok' }));
  app.all('/git/*', (context) => source.handle(context.req.raw));
  app.get('/archive/*', (context) => source.handle(context.req.raw));
  app.use('/api/*', async (context, next) => {
    await guard(context.req.raw, needOf(context.req.method, context.req.path));
    await next();
  });
  addReadRoutes(app, deps);
  addWriteRoutes(app, deps);
  app.all('/api/*', (context) => {
    throw new HttpError(404, `the interface has no ${context.req.method} ${context.req.path}`);
  });
  addPage(app, deps);
  return app;
}
