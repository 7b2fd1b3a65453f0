import { describe, expect, test } from 'bun:test';
import { apiEndpoints } from '../../../src/hub/http/api/endpoints.ts';
import type { HttpAppDeps } from '../../../src/hub/http/http-app.ts';
import { type Answer, ask } from '../../support/checked-api.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { instructionView } from '../../support/memory-hub.ts';
import { type TestHub, testHub } from '../../support/test-hub.ts';

/** Declarations alone: nothing of these dependencies is called. */
const endpoints = apiEndpoints({ publicUrl: () => 'http://hub', control: {} } as HttpAppDeps);

function asker(hub: TestHub, token?: string) {
  return (...request: readonly [method: string, path: string, body?: unknown]): Promise<Answer> =>
    ask(hub.app, endpoints, request, token);
}

async function withBuild(): Promise<TestHub> {
  const hub = await testHub(new FakeClock());
  hub.core.put({ id: 'x', status: 'EXECUTING' }, [{ name: 'one', instructions: [instructionView('main')] }]);
  return hub;
}

describe('the document', () => {
  test('tells every route, and every route that it tells is there', async () => {
    using hub = await withBuild();
    const { status, body } = await asker(hub)('GET', '/openapi.json');
    const paths = body.paths as Record<string, Record<string, { operationId: string; responses: object }>>;
    expect([status, body.openapi, (body.servers as { url: string }[])[0]?.url]).toEqual([
      200,
      '3.0.3',
      'http://127.0.0.1:7480/api/v1',
    ]);
    const told = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => [method, path] as const),
    );
    expect(told.map(([method, path]) => `${method} ${path}`).sort()).toEqual(
      endpoints.map(({ method, path }) => `${method} ${path}`).sort(),
    );
    for (const [method, path] of told) {
      if (path.endsWith('/events') || path === '/trees') continue; // their answers and bodies are streams
      const address = path.replaceAll(/\{\w+\}/g, 'nothing');
      const answer = await asker(hub)(
        method.toUpperCase(),
        address,
        ['get', 'delete'].includes(method) ? undefined : {},
      );
      const message = (answer.body.error as { message?: string } | undefined)?.message ?? '';
      expect([method, path, message.startsWith('the interface has no')]).toEqual([method, path, false]);
    }
  });

  test('names operations once, and describes each answer', () => {
    const ids = endpoints.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { answers, summary } of endpoints) {
      expect(summary).toMatch(/\.$/);
      expect(Object.keys(answers).length).toBeGreaterThan(0);
    }
  });
});

describe('lists', () => {
  test('come in parts: a cursor leads on to the end, and a limit beyond the bound is the bound', async () => {
    using hub = await testHub(new FakeClock());
    for (let index = 0; index < 5; index += 1) hub.core.put({ id: `b${index}`, branch: index === 3 ? 'side' : 'main' });
    const get = asker(hub);
    const first = await get('GET', '/builds?limit=2');
    expect((first.body.builds as { id: string }[]).map(({ id }) => id)).toEqual(['b4', 'b3']);
    const second = await get('GET', `/builds?limit=2&cursor=${first.body.next}`);
    expect((second.body.builds as { id: string }[]).map(({ id }) => id)).toEqual(['b2', 'b1']);
    const third = await get('GET', `/builds?limit=2&cursor=${second.body.next}`);
    expect([(third.body.builds as unknown[]).length, third.body.next]).toEqual([1, null]);
    expect((await get('GET', '/builds?limit=999999')).status).toBe(200);
    expect(((await get('GET', '/builds?branch=side')).body.builds as unknown[]).length).toBe(1);
  });

  test.each(['/builds?limit=x', '/builds?cursor=%25%25', '/builds?cursor=!', '/builds?status=odd', '/tasks?limit=-1'])(
    '%s is refused',
    async (path) => {
      using hub = await testHub(new FakeClock());
      expect((await asker(hub)('GET', path)).status).toBe(400);
    },
  );

  test.each(['builds', 'tasks', 'workers', 'pools', 'tokens', 'crons', 'secrets', 'audit'])('%s', async (what) => {
    using hub = await withBuild();
    const { status, body } = await asker(hub)('GET', `/${what}?limit=1`);
    expect([status, body.next]).toEqual([200, null]);
  });
});

test('pools: made, changed, shown, removed', async () => {
  using hub = await testHub(new FakeClock());
  const call = asker(hub);
  expect((await call('POST', '/pools', { name: 'macs', settings: { maxTasks: 3 } })).status).toBe(201);
  expect((await call('PATCH', '/pools/macs', { queueLimitSeconds: 0 })).body).toMatchObject({
    settings: { queueLimitSeconds: 0, maxTasks: 3 },
  });
  expect((await call('GET', '/pools/macs')).body).toMatchObject({ name: 'macs' });
  expect((await call('PATCH', '/pools/macs', { maxHoldSeconds: 21 })).status).toBe(400);
  expect((await call('PATCH', '/pools/macs', { odd: 1 })).status).toBe(400);
  expect((await call('DELETE', '/pools/macs')).status).toBe(204);
  expect((await call('GET', '/pools/macs')).status).toBe(404);
  expect(hub.audited).toEqual(['token adm createPool macs', 'token adm setPool macs', 'token adm removePool macs']);
});

test('tokens: issued once, taken over without being told again, rotated, revoked', async () => {
  using hub = await testHub(new FakeClock());
  const call = asker(hub);
  expect((await call('POST', '/tokens', { pool: 'default', expiresInMs: 1000 })).body).toMatchObject({
    token: 'issued-token',
    kind: 'registration',
  });
  expect((await call('POST', '/tokens', { role: 'read', note: 'wall' })).body).toMatchObject({ kind: 'api' });
  expect((await call('POST', '/tokens', { pool: 'default', token: 'old-token-of-theirs' })).body).toMatchObject({
    token: '',
  });
  for (const wrong of [{}, { pool: 'a', role: 'read' }, { role: 'owner' }, { role: 'read', token: 'old-token-x' }]) {
    expect((await call('POST', '/tokens', wrong)).status).toBe(400);
  }
  expect((await call('POST', '/tokens/t1/rotate', { overlapMs: 5 })).body).toMatchObject({ token: 'rotated-token' });
  expect((await call('POST', '/tokens/t1/revoke', {})).body).toMatchObject({ id: 't1' });
  const listed = await call('GET', '/tokens?kind=api');
  expect(JSON.stringify(listed.body)).not.toContain('issued-token');
  expect(hub.administration.calls).toEqual(['import 19', 'rotate t1 5', 'revoke t1 false']);
});

test('workers: paused, resumed, forgotten', async () => {
  using hub = await testHub(new FakeClock());
  const call = asker(hub);
  expect((await call('POST', '/workers/mac%201/pause?pool=p')).status).toBe(204);
  expect((await call('POST', '/workers/m/resume')).status).toBe(204);
  expect((await call('DELETE', '/workers/m')).status).toBe(204);
  expect(hub.administration.calls).toEqual(['pause mac 1 p', 'resume m undefined', 'forget m undefined']);
});

test('tasks: why, decisions, cancel, rerun, trigger; the caller is named', async () => {
  using hub = await withBuild();
  const call = asker(hub, 'sub');
  expect((await call('GET', '/tasks/x0/why')).body).toMatchObject({ kind: 'nobody' });
  expect((await call('GET', '/tasks/nope/why')).status).toBe(404);
  expect((await call('GET', '/tasks/x0/decisions')).status).toBe(200);
  for (const verb of ['cancel', 'rerun', 'trigger']) expect((await call('POST', `/tasks/x0/${verb}`)).status).toBe(200);
  for (const verb of ['cancel', 'rerun']) expect((await call('POST', `/builds/x/${verb}`)).status).toBe(200);
  expect((await call('POST', '/tasks/nope/cancel')).status).toBe(404);
  expect(hub.control.calls.slice(0, 5)).toEqual([
    'cancel x0 by token sub',
    'rerun x0 by token sub',
    'trigger x0 by token sub',
    'cancel build x by token sub',
    'rerun build x by token sub',
  ]);
  expect(hub.audited).toHaveLength(5); // what found nothing is not in it
});

test('crons: made, listed, removed', async () => {
  using hub = await testHub(new FakeClock());
  const call = asker(hub);
  const cron = { name: 'nightly', repository: 'https://h/o/r', branch: 'main', expression: '0 2 * * *' };
  expect((await call('POST', '/crons', cron)).status).toBe(201);
  expect((await call('GET', '/crons')).body.crons).toMatchObject([cron]);
  expect((await call('POST', '/crons', { ...cron, name: 'a b' })).status).toBe(400);
  expect((await call('DELETE', '/crons/nightly')).status).toBe(204);
  expect((await call('DELETE', '/crons/nightly')).status).toBe(404);
});

test('secrets go in and are never told again', async () => {
  using hub = await testHub(new FakeClock());
  const call = asker(hub);
  const name = 'ENCRYPTED[!abc!]';
  expect((await call('PUT', '/secrets', { name, value: 's3cr3t' })).status).toBe(204);
  expect((await call('PUT', '/secrets', { name, value: 'other', repository: 'https://h/o/r.git' })).status).toBe(204);
  expect((await call('PUT', '/secrets', { name: 'PLAIN', value: 'x' })).status).toBe(400);
  const listed = JSON.stringify((await call('GET', '/secrets')).body);
  expect(listed).toContain('"repository":"h/o/r"');
  expect(listed + JSON.stringify(hub.audited) + JSON.stringify(hub.lines)).not.toContain('s3cr3t');
  expect((await call('POST', '/secrets/remove', { name })).status).toBe(204);
  expect((await call('POST', '/secrets/remove', { name })).status).toBe(404);
  for (const token of ['rea', 'sub']) expect((await asker(hub, token)('GET', '/secrets')).status).toBe(403);
});

test('a change that a page of another origin sends is refused, whatever its token', async () => {
  using hub = await withBuild();
  const send = (headers: Record<string, string>) =>
    hub.app.request('/api/v1/tasks/x0/cancel', {
      method: 'POST',
      headers: { host: 'localhost:7480', authorization: 'Bearer adm', ...headers },
    });
  expect((await send({ origin: 'https://evil.example' })).status).toBe(403);
  expect((await send({ 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  expect((await send({ origin: 'http://localhost:7480', 'sec-fetch-site': 'same-origin' })).status).toBe(200);
});

test('guessing is slowed down by address, and a good token still passes', async () => {
  using hub = await withBuild();
  const get = (token: string) =>
    hub.app.request('/api/v1/builds', { headers: { host: 'localhost', authorization: `Bearer ${token}` } });
  const statuses = new Set<number>();
  for (let index = 0; index < 70; index += 1) statuses.add((await get(`wrong${index}`)).status);
  expect([...statuses]).toEqual([401, 429]);
  expect((await get('wrong')).headers.get('retry-after')).toBe('1');
  expect((await get('rea')).status).toBe(200);
});

test('readiness tells a drain and an absent database; metrics are text', async () => {
  const get = async (over: Partial<HttpAppDeps>, path: string) => {
    using hub = await testHub(new FakeClock(), over);
    const response = await hub.app.request(path, { headers: { host: 'localhost' } });
    return [response.status, await response.text()] as const;
  };
  expect(await get({}, '/readyz')).toEqual([200, '{"status":"ready"}']);
  expect(await get({ isDraining: () => true }, '/readyz')).toEqual([503, '{"status":"draining"}']);
  expect((await get({ isStoreUp: async () => false }, '/readyz'))[0]).toBe(503);
  expect((await get({ isDraining: () => true }, '/healthz'))[0]).toBe(200);
  expect(await get({}, '/metrics')).toEqual([200, 'pwagent_hub_info 1\n']);
  expect((await get({ listensOnLoopback: false }, '/metrics'))[0]).toBe(401);
});

test('a hub on its way out takes no new builds', async () => {
  using hub = await testHub(new FakeClock(), { isDraining: () => true });
  const { status } = await asker(hub)('POST', '/builds', { repository: { url: 'https://h/o/r' } });
  expect(status).toBe(503);
});

test.each(['ENOSPC', 'EDQUOT', 'EMFILE'])(
  'a machine that lacks something (%s) is a reason to come again',
  async (code) => {
    using hub = await testHub(new FakeClock());
    hub.source.putTree = () => Promise.reject(Object.assign(new Error('write'), { code }));
    const headers = { host: 'localhost', authorization: 'Bearer adm' };
    const response = await hub.app.request('/api/v1/trees', { method: 'PUT', headers, body: 'x' });
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
  },
);
