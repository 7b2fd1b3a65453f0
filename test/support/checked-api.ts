import { expect } from 'bun:test';
import type { Hono } from 'hono';
import type { Endpoint } from '../../src/hub/http/endpoint.ts';
import { routerPath } from '../../src/hub/http/router.ts';
import { errorSchema } from '../../src/hub/http/wire.ts';

const HOST = { host: '127.0.0.1:7480' };

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

function endpointOf(endpoints: readonly Endpoint[], method: string, path: string): Endpoint | undefined {
  const matches = ({ path: template, method: own }: Endpoint) =>
    own === method.toLowerCase() && new RegExp(`^${routerPath(template).replaceAll(/:\w+/g, '[^/]+')}$`).test(path);
  return endpoints.find((endpoint) => matches(endpoint) && !endpoint.path.includes('{')) ?? endpoints.find(matches);
}

/**
 * Asks the interface in JSON, and holds each answer against what the route declares: status, shape, and no key that the
 * document does not tell.
 */
export async function ask(
  app: Hono,
  endpoints: readonly Endpoint[],
  [method, path, body]: readonly [method: string, path: string, body?: unknown],
  token = 'adm',
): Promise<Answer> {
  const headers = { ...HOST, authorization: `Bearer ${token}` };
  const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  const response = await app.request(`/api/v1${path}`, init);
  const text = await response.text();
  const answer = { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
  const endpoint = endpointOf(endpoints, method, `/api/v1${path.replace(/\?.*$/, '')}`);
  if (!response.ok && endpoint?.answers[answer.status] === undefined) {
    expect(errorSchema.safeParse(answer.body).success).toBe(true);
    return answer;
  }
  const declared = endpoint?.answers[answer.status];
  expect([method, path, declared === undefined ? 'not declared' : 'declared']).toEqual([method, path, 'declared']);
  if (declared?.schema === undefined) expect([method, path, text]).toEqual([method, path, '']);
  else expect(declared.schema.parse(answer.body) as unknown).toEqual(answer.body);
  return answer;
}
