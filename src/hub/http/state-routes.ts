import type { Context, Hono } from 'hono';
import { PROMETHEUS_TYPE } from '../../lib/prometheus.ts';
import type { Caller } from './access.ts';

/** How the hub stands, as programs ask: load balancers, supervisors of services, Prometheus. */
export interface StateDeps {
  /** Whether the store answers. */
  readonly isStoreUp: () => Promise<boolean>;
  /** On its way out: it takes no new work. */
  readonly isDraining: () => boolean;
  /** Prometheus text. */
  readonly metrics: () => Promise<string>;
}

/** `/healthz` says that the process serves, `/readyz` that it is worth sending requests to, `/metrics` figures. */
export function addStateRoutes(app: Hono, deps: StateDeps, guard: (context: Context) => Promise<Caller>): void {
  app.get('/healthz', (context) => context.json({ status: 'ok' }));
  app.get('/readyz', async (context) => {
    if (deps.isDraining()) return context.json({ status: 'draining' }, 503);
    if (!(await deps.isStoreUp())) return context.json({ status: 'the database is away' }, 503);
    return context.json({ status: 'ready' });
  });
  app.get('/metrics', async (context) => {
    await guard(context);
    return context.body(await deps.metrics(), 200, { 'content-type': PROMETHEUS_TYPE, 'cache-control': 'no-store' });
  });
}
