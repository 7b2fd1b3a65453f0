import { describe, expect, test } from 'bun:test';
import { resolve } from 'node:path';
import type { Fault } from '../../support/fake-metadata.ts';
import { waitFor } from '../../support/wait-for.ts';
import { NEVER, rig } from './metadata-support.ts';

const TAG = '/latest/meta-data/tags/instance/PWPoolReady';
const TOKEN = '/latest/api/token';

describe('a failure is a failure, and neither true nor false', () => {
  const faults: readonly (readonly [Fault, string])[] = [
    ['redirect', 'a redirect, which is not followed'],
    ['garbage', 'no usable answer'],
    ['html', 'answered with a web page'],
    ['html-as-text', 'answered with a web page'],
    ['text-as-html', 'answered with a web page'],
    ['packed', 'the answer is packed'],
    ['empty', 'answered with nothing'],
    ['huge', 'the answer is larger than 64 KiB'],
    ['huge-head', 'no usable answer'],
    ['reset', 'no usable answer'],
    [500, 'answered 500'],
    [429, 'answered 429'],
    [403, 'answered 403'],
  ];
  const cases = faults.flatMap(([fault, told]) => [TAG, TOKEN].map((path) => [fault, path, told] as const));

  test.each(cases)('%s at %s', async (fault, path, told) => {
    await using world = await rig();
    world.service.fault(fault, path);
    const answer = await world.metadata.tag('PWPoolReady', NEVER);
    expect(answer).toEqual({ ok: false, problem: expect.stringContaining(told) });
    expect(answer.ok || answer.problem.startsWith(path)).toBe(true);
    expect(world.service.requests).not.toContain('GET /latest/elsewhere');
    world.service.fault(undefined, path);
    expect(await world.metadata.tag('PWPoolReady', NEVER)).toMatchObject({ ok: true });
  });

  test('of a body without end only a little is taken', async () => {
    await using world = await rig();
    world.service.fault('huge', TAG);
    await world.metadata.tag('PWPoolReady', NEVER);
    await waitFor('the connection to be given up', () => world.service.connections === 0);
    expect(world.service.bytesSent).toBeLessThan(16 * 1024 * 1024); // what the sockets' buffers hold, not more
  });

  test('content of another service is no identity, no credential and no notice', async () => {
    await using world = await rig();
    world.service.fault('wrong-content', '/latest/dynamic');
    world.service.fault('wrong-content', '/latest/meta-data');
    for (const read of ['identity', 'credentials', 'maintenance', 'spot', 'rebalance', 'notices'] as const) {
      expect([read, (await world.metadata[read](NEVER)).ok]).toEqual([read, false]);
    }
  });

  test('content of another service is no token', async () => {
    await using world = await rig();
    world.service.fault('wrong-content', TOKEN);
    expect(await world.metadata.identity(NEVER)).toEqual({
      ok: false,
      problem: `${TOKEN}: answered with what is no token`,
    });
  });

  test('nobody there', async () => {
    await using world = await rig();
    await world.service.stop();
    expect(await world.metadata.identity(NEVER)).toMatchObject({ ok: false });
    await world.service.start();
    expect(await world.metadata.identity(NEVER)).toMatchObject({ ok: true });
  });
});

describe('every answer has come after 5 s', () => {
  const cases = (['silence', 'slow', 'stall'] as const).flatMap((fault) =>
    [TAG, TOKEN].map((path) => [fault, path] as const),
  );

  test.each(cases)('%s at %s', async (fault, path) => {
    await using world = await rig();
    world.service.fault(fault, path);
    const reading = world.metadata.tag('PWPoolReady', NEVER);
    await waitFor('the request', () => world.service.requests.some((request) => request.endsWith(path)));
    await world.clock.advance(4_999);
    expect(Bun.peek.status(reading)).toBe('pending');
    await world.clock.advance(1);
    expect(await reading).toEqual({ ok: false, problem: 'no answer within 5s' });
    expect(world.clock.pending).toBe(0);
    await waitFor('the connection to be given up', () => world.service.connections === 0);
  });

  test('whoever cancels waits no longer', async () => {
    await using world = await rig();
    world.service.fault('silence');
    const leaving = new AbortController();
    const reading = world.metadata.identity(leaving.signal);
    await waitFor('the request', () => world.service.requests.length > 0);
    leaving.abort();
    expect(await reading).toEqual({ ok: false, problem: 'cancelled' });
    expect(await world.metadata.identity(leaving.signal)).toEqual({ ok: false, problem: 'cancelled' });
    expect(world.clock.pending).toBe(0);
  });

  test('even when the request cannot be cancelled', async () => {
    await using world = await rig(() => new Promise(() => {}));
    const reading = world.metadata.identity(NEVER);
    await world.clock.advance(5_000);
    expect(await reading).toEqual({ ok: false, problem: 'no answer within 5s' });
  });
});

test.each(['not a date', '30 Feb 2026 00:00:00 GMT', null])('a Date header of %p is none', async (date) => {
  await using world = await rig();
  world.service.date = date;
  expect(await world.metadata.identity(NEVER)).toMatchObject({ ok: true, dateMs: undefined });
});

test('no proxy is asked, whatever the environment says', async () => {
  await using world = await rig();
  await using proxy = await rig();
  const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'ALL_PROXY', 'all_proxy'];
  const child = Bun.spawn(
    [process.execPath, resolve(import.meta.dir, 'fixtures/read-identity.ts'), world.service.endpoint],
    {
      env: { ...Object.fromEntries(names.map((name) => [name, proxy.service.endpoint])), NODE_USE_ENV_PROXY: '1' },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  expect(JSON.parse(await new Response(child.stdout).text())).toMatchObject({ ok: true });
  expect(proxy.service.requests).toEqual([]);
  const [token, document] = world.service.seen;
  expect([token?.headers.connection, document?.headers['accept-encoding']]).toEqual(['close', 'identity']);
});
