import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, lstatSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { createCacheApi } from '../../../src/agent/cache/cache-api.ts';
import { serverStore } from '../../../src/agent/cache/cache-store.ts';
import { isFromBrowser, keyOf } from '../../../src/agent/http-cache/handle-request.ts';
import { type HttpCache, startHttpCache } from '../../../src/agent/http-cache/start-http-cache.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { connect, type RpcClient } from '../../../src/rpc/client.ts';
import { parseEndpoint } from '../../../src/rpc/endpoint.ts';
import { type RpcServer, startRpcServer } from '../../../src/rpc/server.ts';
import { FakeCacheServer } from '../../support/fake-cache-server.ts';
import { memoryLogger } from '../../support/logger.ts';
import { tempFolder } from '../../support/temp-folder.ts';

let folder: ReturnType<typeof tempFolder>;
let caches: FakeCacheServer;
let server: RpcServer;
let client: RpcClient;
let cache: HttpCache;
const log = memoryLogger();

function start(home: string | undefined): Promise<HttpCache> {
  const retry = { clock: { ...systemClock, sleep: async () => {} }, random: () => 0.5 };
  const identity = { apiEndpoint: '', taskId: '42', clientToken: 'c', serverToken: 's' };
  const api = createCacheApi(client, identity, retry);
  const dial = (text: string) => connect(parseEndpoint(text), []);
  const store = serverStore({ ...retry, api, dial, temporary: folder.path, partBytes: 1 << 20 });
  return startHttpCache(home, { api, store, log });
}

beforeEach(async () => {
  folder = tempFolder();
  caches = new FakeCacheServer();
  server = await startRpcServer({ listen: '127.0.0.1:0', handlers: caches.handlers, onBug: () => {} });
  client = connect(parseEndpoint(`http://127.0.0.1:${server.port}`), []);
  cache = await start(folder.path);
});
afterEach(async () => {
  await cache.stop();
  client.close();
  await server.stop(AbortSignal.abort());
  await caches[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const at = (path: string) => `http://${cache.host}${path}`;

describe('a build tool', () => {
  test('stores and fetches, and asks whether something is there', async () => {
    expect((await fetch(at('/cas/abc'), { method: 'HEAD' })).status).toBe(404);
    expect((await fetch(at('/cas/abc'))).status).toBe(404);
    expect((await fetch(at('/cas/abc'), { method: 'PUT', body: 'content' })).status).toBe(201);
    expect((await fetch(at('/ac/def'), { method: 'POST', body: 'more' })).status).toBe(201);
    const head = await fetch(at('/cas/abc'), { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '7']);
    const got = await fetch(at('/cas/abc'));
    expect([got.status, got.headers.get('content-length'), await got.text()]).toEqual([200, '7', 'content']);
    expect([...caches.entries.keys()]).toEqual(['cas/abc', 'ac/def']);
  });

  test('stores nothing at all as well', async () => {
    expect((await fetch(at('/cas/empty'), { method: 'PUT', body: '' })).status).toBe(201);
    expect(await (await fetch(at('/cas/empty'))).text()).toBe('');
  });

  test('stores what is large in parts, and gets it back', async () => {
    const content = new Uint8Array(3_500_000).fill(5);
    expect((await fetch(at('/large'), { method: 'PUT', body: content })).status).toBe(201);
    expect(caches.calls).toContain('commit');
    expect((await (await fetch(at('/large'))).arrayBuffer()).byteLength).toBe(content.length);
  });

  test('removes', async () => {
    await fetch(at('/k'), { method: 'PUT', body: 'x' });
    expect((await fetch(at('/k'), { method: 'DELETE' })).status).toBe(204);
    expect(caches.entries.size).toBe(0);
    caches.refusals.set('delete', { status: 'UNIMPLEMENTED', times: 1 });
    expect((await fetch(at('/k'), { method: 'DELETE' })).status).toBe(501);
  });

  test('uses one spelling of a key whatever is in it (C25)', async () => {
    const path = `/${encodeURIComponent('a?b#c%d e/f')}`;
    await fetch(at(path), { method: 'PUT', body: 'x' });
    expect([...caches.entries.keys()]).toEqual(['a?b#c%d e/f']);
    expect(await (await fetch(at(path))).text()).toBe('x');
  });

  test.each([403, 507])('hears what the store says: %d', async (status) => {
    caches.fault('PUT', ...Array.from({ length: 9 }, () => ({ tag: 'status', status }) as const));
    expect((await fetch(at('/k'), { method: 'PUT', body: 'x' })).status).toBe(status);
  });

  test('gets a plain error for a hub that is out of order (R15)', async () => {
    caches.refusals.set('upload', { status: 'INTERNAL', times: 99 });
    const response = await fetch(at('/k'), { method: 'PUT', body: 'x' });
    expect([response.status, await response.text()]).toEqual([502, 'refused by the test\n']);
    caches.refusals.set('download', { status: 'INTERNAL', times: 99 });
    expect((await fetch(at('/k'))).status).toBe(404);
  });

  test('that breaks off leaves nothing behind', async () => {
    const upload = httpRequest(at('/half'), { method: 'PUT', headers: { 'content-length': '1000' } });
    upload.on('error', () => {});
    upload.write('only a part');
    await new Promise((resolve) => setTimeout(resolve, 50));
    upload.destroy();
    await fetch(at('/other'), { method: 'PUT', body: 'x' });
    expect([...caches.entries.keys()]).toEqual(['other']);
  });

  test('sees the end of an answer that broke off, not a shorter one (C27)', async () => {
    await fetch(at('/k'), { method: 'PUT', body: new Uint8Array(900_000) });
    const cuts = (afterBytes: number) => Array.from({ length: 20 }, () => ({ tag: 'cut', afterBytes }) as const);
    caches.fault('GET', { tag: 'cut', afterBytes: 300_000 }, ...cuts(0));
    const whole = (response: Response) =>
      response.arrayBuffer().then(
        (body) => body.byteLength,
        () => 'broken off',
      );
    expect(await whole(await fetch(at('/k')))).toBe('broken off');
    caches.fault('GET', ...cuts(0));
    expect((await fetch(at('/k'))).status).toBe(502);
    caches.fault('GET', ...[100_000, 200_000].map((afterBytes) => ({ tag: 'cut', afterBytes }) as const));
    expect(await whole(await fetch(at('/k')))).toBe(900_000);
  });

  test.each([
    ['/', 'GET', 400],
    ['/%ZZ', 'GET', 400],
    ['/k', 'PATCH', 405],
    ['/k', 'OPTIONS', 405],
  ])('%s %s', async (path, method, status) => {
    expect((await fetch(at(path), { method })).status).toBe(status);
  });
});

describe('who is served (S10)', () => {
  test('no page of a browser', () => {
    expect(isFromBrowser({ host: '127.0.0.1:1234' })).toBe(false);
    expect(isFromBrowser({ host: 'localhost' })).toBe(false);
    expect(isFromBrowser({ host: 'evil.example' })).toBe(true);
    expect(isFromBrowser({ host: '127.0.0.1:1', origin: 'https://evil.example' })).toBe(true);
    expect(isFromBrowser({ host: '127.0.0.1:1', 'sec-fetch-site': 'cross-site' })).toBe(true);
  });

  test('each task has a port of its own, on the loopback interface alone', async () => {
    const other = await start(folder.path);
    expect(other.host).not.toBe(cache.host);
    expect([cache.host, other.host]).toEqual([0, 1].map(() => expect.stringMatching(/^127\.0\.0\.1:\d+$/)));
    await other.stop();
  });

  test('keys', () => {
    expect(['/a/b', '/a%2Fb', '/k?x=1', '/', '', '*', '/%E4'].map(keyOf)).toEqual([
      'a/b',
      'a/b',
      'k?x=1',
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('the well-known socket', () => {
  const socket = () => join(folder.path, '.cirruslabs/omni-cache.sock');

  test('is there, for this user alone, while the task runs', async () => {
    expect((lstatSync(socket()).mode & 0o777).toString(8)).toBe('600');
    expect((lstatSync(join(folder.path, '.cirruslabs')).mode & 0o777).toString(8)).toBe('700');
    const response = await fetch('http://localhost/none', { unix: socket() });
    expect(response.status).toBe(404);
    await cache.stop();
    expect(existsSync(socket())).toBe(false);
  });

  test('leaves no folder behind that it has made, and keeps one that was there or is in use', async () => {
    await cache.stop();
    expect(readdirSync(folder.path)).toEqual([]);
    mkdirSync(join(folder.path, '.cirruslabs'));
    cache = await start(folder.path);
    await cache.stop();
    expect(readdirSync(folder.path)).toEqual(['.cirruslabs']);
    rmdirSync(join(folder.path, '.cirruslabs'));
    cache = await start(folder.path);
    writeFileSync(join(folder.path, '.cirruslabs/other'), '');
    await cache.stop();
    expect(readdirSync(join(folder.path, '.cirruslabs'))).toEqual(['other']);
  });

  test('stays that of the first task, whichever ends first (S10)', async () => {
    const { ino } = lstatSync(socket());
    const second = await start(folder.path);
    expect(lstatSync(socket()).ino).toBe(ino);
    await second.stop();
    expect((await fetch('http://localhost/none', { unix: socket() })).status).toBe(404);
  });

  test('of a task that died is taken over', async () => {
    await cache.stop();
    mkdirSync(join(folder.path, '.cirruslabs'));
    writeFileSync(socket(), ''); // a file at which nobody answers, as a killed process leaves it
    cache = await start(folder.path);
    expect((await fetch('http://localhost/none', { unix: socket() })).status).toBe(404);
    await cache.stop();
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test('is done without where it cannot be (R9)', async () => {
    mkdirSync(join(folder.path, 'home'));
    writeFileSync(join(folder.path, 'home/.cirruslabs'), 'a file in the way');
    for (const home of [join(folder.path, 'home'), join(folder.path, 'x'.repeat(200)), '/proc', undefined]) {
      const other = await start(home);
      expect((await fetch(`http://${other.host}/none`)).status).toBe(404);
      await other.stop();
    }
    expect(readdirSync(join(folder.path, 'home'))).toEqual(['.cirruslabs']);
  });
});
