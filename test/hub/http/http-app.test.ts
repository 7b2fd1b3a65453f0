import { describe, expect, test } from 'bun:test';
import { parseConfiguration } from '../../../src/cirrus-yml/parse-configuration.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { instructionView } from '../../support/memory-hub.ts';
import { tarOf } from '../../support/tar-of.ts';
import { type TestHub, testHub } from '../../support/test-hub.ts';

const HOST = { host: '127.0.0.1:7480' };
const ADMIN = { ...HOST, authorization: 'Bearer adm' };
const tree = tarOf({ path: 'a', text: 'hello' });

async function json(response: Response): Promise<{ status: number; body: Record<string, unknown> }> {
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function upload(hub: TestHub): Promise<string> {
  const { body } = await json(
    await hub.app.request('/api/v1/trees', { method: 'PUT', headers: ADMIN, body: tree as Uint8Array<ArrayBuffer> }),
  );
  return String(body.tree);
}

function order(treeId: string, more: Record<string, unknown> = {}): RequestInit {
  const config = { path: '.cirrus.yml', text: 'one two' };
  const body = JSON.stringify({ tree: treeId, branch: 'main', message: 'm', config, ...more });
  return { method: 'POST', headers: ADMIN, body };
}

describe('starting a build', () => {
  test('a stored tree becomes a build with a commit', async () => {
    using hub = await testHub(new FakeClock());
    const treeId = await upload(hub);
    const answer = await json(await hub.app.request('/api/v1/builds', order(treeId, { environment: { A: 'mine' } })));
    expect(answer).toMatchObject({
      status: 201,
      body: { id: 'b1', url: 'http://127.0.0.1:7480/builds/b1', branch: 'main', warnings: [] },
    });
    const [created] = hub.core.created;
    expect(created?.revision).toMatch(/^[0-9a-f]{40}$/);
    expect(created?.treeId).toBe(treeId);
    expect(created?.tasks.map(({ name, environment }) => [name, environment])).toEqual([
      ['one', { A: 'mine' }],
      ['two', { A: 'mine' }],
    ]);
    expect(hub.parsed[0]?.environment).toMatchObject({
      CIRRUS_BRANCH: 'main',
      CIRRUS_CHANGE_MESSAGE: 'm',
      CIRRUS_CHANGE_IN_REPO: created?.revision ?? '',
      A: 'mine',
    });
  });

  test('mistakes of the configuration come back with their place; warnings do not stop it', async () => {
    using hub = await testHub(new FakeClock());
    const treeId = await upload(hub);
    const request = (text: string) =>
      hub.app.request('/api/v1/builds', order(treeId, { config: { path: 'ci.yml', text } }));
    const problem = { file: 'ci.yml', line: 2, column: 3, hint: 'say something else' };
    expect(await json(await request('bad'))).toEqual({
      status: 422,
      body: { problems: [{ ...problem, severity: 'error', message: 'bad word' }] },
    });
    expect((await json(await request('odd'))).body.warnings).toEqual([
      { ...problem, severity: 'warning', message: 'odd word' },
    ]);
    expect(await json(await request('one far'))).toEqual({
      status: 422,
      body: { problems: [{ ...problem, severity: 'error', message: 'far word' }] },
    });
    const empty = await json(await request(' '));
    expect([empty.status, JSON.stringify(empty.body)]).toEqual([422, expect.stringContaining('no task is left')]);
    expect(hub.core.created).toHaveLength(1);
  });

  test('what only a hosted service could run is refused at its line, read by the real language', async () => {
    using hub = await testHub(new FakeClock(), { parse: parseConfiguration });
    const treeId = await upload(hub);
    const text = 'persistent_worker: {}\ngood_task: {script: a}\nfar_task:\n  container: {image: debian}\n';
    const answer = await json(
      await hub.app.request('/api/v1/builds', order(treeId, { config: { path: 'ci.yml', text } })),
    );
    expect(answer).toEqual({
      status: 422,
      body: {
        problems: [
          {
            file: 'ci.yml',
            severity: 'error',
            line: 4,
            column: 3,
            message: '"container" needs a hosted service',
            hint: 'use persistent_worker with labels or an isolation instead',
          },
        ],
      },
    });
    expect(hub.core.created).toEqual([]);
  });

  const good = 'f'.repeat(64);
  test.each([
    ['no JSON', { body: '{' }, 400, 'not JSON'],
    ['too long', { body: `"${'x'.repeat(5 * 2 ** 20)}"` }, 413, 'larger than 4 MiB'],
    ['a bad branch', order(good, { branch: 'a..b' }), 400, 'branch: expected a branch name'],
    ['an unknown key', order(good, { brunch: 'x' }), 400, 'brunch'],
    ['a bad variable', order(good, { environment: { '1A': 'x' } }), 400, '1A'],
    ['a tree that is not there', order(good), 400, 'is not here'],
    ['a path as tree', order('../../key'), 400, 'tree: expected the id'],
  ])('%s', async (_title, init, status, message) => {
    using hub = await testHub(new FakeClock());
    const answer = await json(await hub.app.request('/api/v1/builds', { method: 'POST', headers: ADMIN, ...init }));
    expect(answer.status).toBe(status);
    expect((answer.body.error as { message: string }).message).toContain(message);
  });

  test.each([
    ['not a tar', 'hello', 400],
    ['unsafe', tarOf({ path: '../x' }), 400],
    ['too large', tarOf({ path: 'x', text: 'x'.repeat(200_000) }), 413],
    ['nothing', null, 400],
  ])('an upload that is %s', async (_title, body, status) => {
    using hub = await testHub(new FakeClock());
    const answer = await json(
      await hub.app.request('/api/v1/trees', {
        method: 'PUT',
        headers: ADMIN,
        body: body as Uint8Array<ArrayBuffer> | string | null,
      }),
    );
    expect([answer.status, typeof (answer.body.error as { message: string }).message]).toEqual([status, 'string']);
  });
});

describe('access', () => {
  test.each([
    ['PUT', '/api/v1/trees', {}, 401],
    ['POST', '/api/v1/builds', { authorization: 'Bearer rea' }, 403],
    ['POST', '/api/v1/builds', { authorization: 'Bearer nobody' }, 401],
    ['GET', '/api/v1/builds', { host: 'evil.example' }, 401],
    ['GET', '/api/v1/builds', { host: 'evil.example', authorization: 'Bearer rea' }, 200],
    ['GET', '/api/v1/builds', {}, 200],
    ['GET', '/healthz', { host: 'evil.example' }, 200],
    ['DELETE', '/api/v1/builds', {}, 401],
    ['DELETE', '/api/v1/builds', { authorization: 'Bearer adm' }, 404],
    ['GET', '/api/v1/nothing', {}, 404],
    ['GET', '/git/repo.git/info/refs', { authorization: `Basic ${btoa('x-access-token:x')}` }, 403],
    ['GET', '/nothing', {}, 404],
  ])('%s %s with %j: %d', async (method, path, headers, status) => {
    using hub = await testHub(new FakeClock());
    const response = await hub.app.request(path, { method, headers: { ...HOST, ...headers } });
    expect(response.status).toBe(status);
    if (status === 401) expect(response.headers.get('www-authenticate')).toBe('Bearer');
  });

  test('every answer carries the headers that keep browsers strict, and no log line a token', async () => {
    using hub = await testHub(new FakeClock());
    for (const path of ['/api/v1/builds', '/api/v1/nothing', '/git/secret-token/repo.git/HEAD', '/healthz']) {
      const { headers } = await hub.app.request(path, { headers: ADMIN });
      expect(headers.get('content-security-policy')).toStartWith("default-src 'none'");
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
    }
    expect(JSON.stringify(hub.lines)).not.toMatch(/secret-token|adm/);
    expect(hub.lines.map(({ path }) => path)).toContain('/git/***/repo.git/HEAD');
  });

  test('a bug is told to the log, not to the client', async () => {
    using hub = await testHub(new FakeClock());
    hub.core.listBuilds = () => Promise.reject(new TypeError('inner detail'));
    const answer = await json(await hub.app.request('/api/v1/builds', { headers: HOST }));
    expect(answer).toEqual({
      status: 500,
      body: { error: { message: 'the hub failed to answer', hint: 'the log of the hub says more' } },
    });
    expect(JSON.stringify(hub.lines)).toContain('inner detail');
  });
});

describe('looking', () => {
  test('builds, workers and logs', async () => {
    using hub = await testHub(new FakeClock());
    hub.core.put({ id: 'x' }, [{ name: 'one', instructions: [instructionView('a b')] }]);
    hub.core.put({ id: 'y' });
    hub.core.log('x0', 'a b', 'old');
    hub.core.log('x0', 'a b', 'hel', true);
    hub.core.log('x0', 'a b', 'lo');
    const get = (path: string) => hub.app.request(path, { headers: HOST });
    expect(
      ((await (await get('/api/v1/builds')).json()) as { builds: { id: string }[] }).builds.map(({ id }) => id),
    ).toEqual(['y', 'x']);
    expect((await json(await get('/api/v1/builds/x'))).body).toMatchObject({
      id: 'x',
      url: 'http://127.0.0.1:7480/builds/x',
    });
    expect((await json(await get('/api/v1/workers'))).body).toEqual({ workers: [], next: null });
    const log = await get('/api/v1/tasks/x0/logs/a%20b');
    expect([log.headers.get('content-type'), await log.text()]).toEqual(['text/plain; charset=utf-8', 'hello']);
    for (const path of ['builds/z', 'builds/z/events', 'tasks/z/logs/a', 'tasks/x0/logs/z']) {
      expect((await get(`/api/v1/${path}`)).status).toBe(404);
    }
    expect((await get('/api/v1/builds?limit=-1')).status).toBe(400);
    expect((await get('/api/v1/builds/x/events?after=x')).status).toBe(400);
  });
});

describe('what the supervisor of a machine tells', () => {
  const report = {
    phase: 'stopping',
    reason: 'the lifetime is over',
    ageSeconds: 172_800,
    deadlines: [{ rule: 'lifetime', dueAt: '2026-01-03T00:00:00.000Z', suspended: false }],
    endReason: 'the lifetime is over\u0007',
    finishedTasks: 7,
    verdict: null,
  };
  const put = (headers: Record<string, string>, body: unknown): RequestInit => ({
    method: 'PUT',
    headers,
    body: JSON.stringify(body),
  });

  test('is kept under the name of its worker, for the registration token of a pool', async () => {
    using hub = await testHub(new FakeClock());
    hub.core.poolTokens.add('pool');
    const machine = { ...HOST, authorization: 'Bearer pool' };
    const answer = await hub.app.request('/api/v1/workers/mac%201/supervisor', put(machine, report));
    expect(answer.status).toBe(204);
    expect(hub.core.reports.get('mac 1')).toEqual({ ...report, endReason: 'the lifetime is over ' });
    expect((await hub.app.request('/api/v1/workers/m/supervisor', put(machine, { ...report, phase: 1 }))).status).toBe(
      400,
    );
    expect((await hub.app.request('/api/v1/workers/m/supervisor', put(HOST, report))).status).toBe(401);
    expect((await hub.app.request('/api/v1/trees', { method: 'PUT', headers: machine, body: 'x' })).status).toBe(401);
  });
});

test('signed addresses of content are logged without what makes them good', async () => {
  using hub = await testHub(new FakeClock());
  await hub.app.request('/blobs/abcdef01?action=get&key=1&signature=s3cr3t', { headers: HOST });
  expect(hub.lines.map(({ path }) => path)).toContain('/blobs/abcdef01');
  expect(JSON.stringify(hub.lines)).not.toContain('s3cr3t');
});
