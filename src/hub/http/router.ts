import type { Context, Hono } from 'hono';
import { z } from 'zod';
import type { Caller, Need } from './access.ts';
import type { Call, Endpoint, JsonAnswer } from './endpoint.ts';
import { HttpError } from './http-error.ts';
import { parsed, readJson } from './request-schemas.ts';

export const API_ROOT = '/api/v1';

/** What stands around each call: who asks, and what is kept of a change. */
export interface Surroundings {
  /** Throws `HttpError` for a caller that may not. */
  readonly callerOf: (context: Context, need: Need) => Promise<Caller>;
  /** Called after a change was made, before it is answered. */
  readonly audit: (caller: Caller, action: string, note: ReturnType<NonNullable<Endpoint['audit']>>) => Promise<void>;
}

const nothing = z.object({});

async function callOf(context: Context, endpoint: Endpoint, caller: Caller): Promise<Call<unknown, unknown, unknown>> {
  const { params = nothing, query = nothing, body } = endpoint;
  return {
    params: parsed(params, context.req.param(), (path) => `the address: ${path}`),
    query: parsed(query, context.req.query(), (path) => path),
    body: body === undefined ? undefined : await readJson(context.req.raw, body),
    caller,
    request: context.req.raw,
  };
}

function respond(context: Context, answer: JsonAnswer | Response): Response {
  if (answer instanceof Response) return answer;
  return answer.body === undefined ? context.body(null, 204) : context.json(answer.body, answer.status as 200);
}

/** `/builds/{id}` as the router writes it. */
export function routerPath(path: string): string {
  return `${API_ROOT}${path.replaceAll(/\{(\w+)\}/g, ':$1')}`;
}

/** Adds the routes, in order; what matches none of them and lies below the root is told so. */
export function addEndpoints(app: Hono, endpoints: readonly Endpoint[], { callerOf, audit }: Surroundings): void {
  for (const endpoint of endpoints) {
    app.on(endpoint.method.toUpperCase(), routerPath(endpoint.path), async (context) => {
      const caller = await callerOf(context, endpoint.need);
      const call = await callOf(context, endpoint, caller);
      const answer = await endpoint.run(call);
      const worked = answer instanceof Response ? answer.ok : answer.status < 300;
      if (worked && endpoint.audit !== undefined) await audit(caller, endpoint.id, endpoint.audit(call));
      return respond(context, answer);
    });
  }
  app.all(`${API_ROOT}/*`, async (context) => {
    await callerOf(context, ['GET', 'HEAD'].includes(context.req.method) ? 'read' : 'submit');
    throw new HttpError(404, `the interface has no ${context.req.method} ${context.req.path}`);
  });
}
