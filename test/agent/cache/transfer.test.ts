import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { type CacheApi, createCacheApi } from '../../../src/agent/cache/cache-api.ts';
import { type CacheStore, hostStore, serverStore } from '../../../src/agent/cache/cache-store.ts';
import { byteStreamEndpoint, isByteStream } from '../../../src/agent/cache/transfer/byte-stream.ts';
import { downloadHttp } from '../../../src/agent/cache/transfer/http-download.ts';
import { STALL_MS } from '../../../src/agent/cache/transfer/watchdog.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { connect, type RpcClient } from '../../../src/rpc/client.ts';
import { parseEndpoint } from '../../../src/rpc/endpoint.ts';
import { type RpcServer, startRpcServer } from '../../../src/rpc/server.ts';
import { inPieces } from '../../support/cache-archive.ts';
import { FakeCacheServer } from '../../support/fake-cache-server.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { waitFor } from '../../support/wait-for.ts';

/** A sixteenth of the real one. */
const PART_BYTES = 1 << 20;

const NEVER = new AbortController().signal;
const HASTY = {
  clock: { ...systemClock, sleep: (ms: number, signal: AbortSignal) => systemClock.sleep(Math.min(ms, 2), signal) },
  random: () => 0.5,
};

let folder: ReturnType<typeof tempFolder>;
let caches: FakeCacheServer;
let server: RpcServer;
let client: RpcClient;
let api: CacheApi;
let store: CacheStore;

beforeEach(async () => {
  folder = tempFolder();
  caches = new FakeCacheServer();
  const onBug = (_method: string, error: unknown) => {
    throw error;
  };
  server = await startRpcServer({ listen: '127.0.0.1:0', handlers: caches.handlers, onBug });
  const endpoint = `http://127.0.0.1:${server.port}`;
  client = connect(parseEndpoint(endpoint), []);
  const identity = { apiEndpoint: endpoint, taskId: '42', clientToken: 'client', serverToken: 'server' };
  api = createCacheApi(client, identity, HASTY);
  const dial = (text: string) => connect(parseEndpoint(text), []);
  store = serverStore({ ...HASTY, api, dial, temporary: folder.path, partBytes: PART_BYTES });
});
afterEach(async () => {
  client.close();
  await server.stop(AbortSignal.abort());
  await caches[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

function bytes(count: number): Uint8Array {
  const filled = new Uint8Array(count);
  for (let at = 0; at < count; at += 997) filled[at] = (at * 31) & 0xff;
  return filled;
}

async function fetched(key: string): Promise<Buffer | undefined> {
  const download = await store.fetch(key, NEVER);
  if (download === undefined) return undefined;
  const pieces: Uint8Array[] = [];
  for await (const piece of download.body) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe('an archive goes to the store', () => {
  test('small: by one request with its length', async () => {
    expect(await store.store('k', inPieces(bytes(100_000)), NEVER)).toBe(100_000);
    expect(caches.calls).toEqual(['upload', 'PUT']);
    expect(caches.uploadHeaders[0]).toMatchObject({ 'content-type': 'application/octet-stream', 'x-signed': 'yes' });
    expect(await fetched('k')).toEqual(Buffer.from(bytes(100_000)));
  });

  test('large: in parts, several at a time, in order (P5)', async () => {
    const content = bytes(5 * PART_BYTES + 12_345);
    expect(await store.store('k', inPieces(content, 300_000), NEVER)).toBe(content.length);
    expect(caches.bytesOf('k')).toEqual(Buffer.from(content));
    expect(caches.calls.filter((call) => call.startsWith('PUT')).length).toBe(6);
    expect(caches.mostAtOnce).toBeGreaterThan(1);
    expect(caches.mostAtOnce).toBeLessThanOrEqual(4);
    expect(readdirSync(folder.path)).toEqual([]); // nothing of it was on disk (P3)
  });

  test('a part that fails is sent again, with a new address', async () => {
    const content = bytes(2 * PART_BYTES);
    caches.fault('PUT', { tag: 'status', status: 503 }, { tag: 'status', status: 403 });
    await store.store('k', inPieces(content, 300_000), NEVER);
    expect(caches.bytesOf('k')?.length).toBe(content.length);
    expect(caches.calls.filter((call) => call === 'part').length).toBe(4);
  });

  test('a part that cannot be stored ends the upload, and nothing is committed', async () => {
    caches.fault('PUT', ...Array.from({ length: 30 }, () => ({ tag: 'status', status: 500 }) as const));
    const storing = store.store('k', inPieces(bytes(9 * PART_BYTES), 300_000), NEVER);
    expect(await storing.catch((error: Error) => error.message)).toBe('the cache store answered 500');
    expect([caches.calls.includes('commit'), caches.entries.size]).toEqual([false, 0]);
  });

  test('a source that fails ends the upload with its error', async () => {
    async function* failing() {
      yield bytes(2 * PART_BYTES + 1);
      throw new Error('disk read error');
    }
    const storing = store.store('k', failing(), NEVER);
    expect(await storing.catch((error: Error) => error.message)).toBe('disk read error');
    expect(caches.entries.size).toBe(0);
  });

  test('to a server without uploads in parts it goes whole, from a file that is removed', async () => {
    caches.multipart = false;
    const content = bytes(PART_BYTES + 5_000_000);
    expect(await store.store('k', inPieces(content, 300_000), NEVER)).toBe(content.length);
    expect(caches.bytesOf('k')).toEqual(Buffer.from(content));
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test('an abort ends it', async () => {
    const stop = new AbortController();
    async function* slow() {
      yield bytes(PART_BYTES + 1);
      stop.abort(new Error('stopped'));
      yield bytes(PART_BYTES);
    }
    const storing = store.store('k', slow(), stop.signal);
    expect(await storing.then(() => 'it was stored').catch(() => stop.signal.reason.message)).toBe('stopped');
    expect(caches.entries.size).toBe(0);
  });
});

describe('addresses of gRPC mean ByteStream', () => {
  test('there and back, with the headers of the task', async () => {
    caches.addressOf = () => `grpc://127.0.0.1:${server.port}`;
    caches.multipart = false;
    const content = bytes(3_000_000);
    expect(await store.store('k', inPieces(content, 700_000), NEVER)).toBe(content.length);
    expect(await fetched('k')).toEqual(Buffer.from(content));
    for (const headers of caches.streamHeaders) {
      expect(headers).toMatchObject({ 'org.cirruslabs.task-id': '42', 'org.cirruslabs.client-secret': 'client' });
    }
    expect(caches.calls.filter((call) => ['read', 'write', 'PUT', 'GET'].includes(call))).toEqual(['write', 'read']);
  });

  test('no bytes mean no entry', async () => {
    caches.addressOf = () => `grpc://127.0.0.1:${server.port}`;
    expect(await fetched('none')).toBeUndefined();
  });

  test.each([
    ['grpc://host:8080', 'http://host:8080'],
    ['grpcs://host', 'https://host'],
    ['GRPC://host:1/path', 'http://host:1'],
    ['unix:/run/cache.sock', 'unix:/run/cache.sock'],
  ])('%s is %s', (url, endpoint) => {
    expect([isByteStream(url), byteStreamEndpoint(url)]).toEqual([true, endpoint]);
  });

  test('others are not', () => {
    expect(['http://host', 'https://host', 'host/path'].map(isByteStream)).toEqual([false, false, false]);
  });
});

describe('a cache server outside (CIRRUS_HTTP_CACHE_HOST)', () => {
  test('gets and gives entries by their key, escaped once (C25)', async () => {
    const seen: string[] = [];
    const entries = new Map<string, ArrayBuffer>();
    using outside = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      async fetch(request) {
        const { pathname } = new URL(request.url);
        seen.push(`${request.method} ${pathname}`);
        if (request.method === 'PUT') entries.set(pathname, await request.arrayBuffer());
        const found = entries.get(pathname);
        return found === undefined ? new Response('', { status: 404 }) : new Response(found);
      },
    });
    const deps = { ...HASTY, api, dial: () => client, temporary: folder.path, partBytes: PART_BYTES };
    const other = hostStore(`127.0.0.1:${outside.port}`, api, deps);
    expect(await other.has('a/b?c', NEVER)).toBe(false);
    await other.store('a/b?c', inPieces(bytes(1_000)), NEVER);
    expect(await other.has('a/b?c', NEVER)).toBe(true);
    expect((await other.fetch('a/b?c', NEVER))?.sizeBytes).toBe(1_000);
    expect(seen).toEqual(['HEAD', 'PUT', 'HEAD', 'GET'].map((method) => `${method} /a%2Fb%3Fc`));
  });
});

test('silence ends a download, however long it may take otherwise', async () => {
  caches.put('k', bytes(1_000_000));
  const clock = new FakeClock();
  caches.fault('GET', ...Array.from({ length: 9 }, () => ({ tag: 'hang', afterBytes: 0 }) as const));
  const [url = ''] = await api.downloadUrls('k', NEVER);
  const reading = (async () => {
    const download = await downloadHttp(url, { clock, random: () => 0.5 }, NEVER);
    for await (const _piece of download?.body ?? []);
  })().catch((error: Error) => error.message);
  let result: string | undefined;
  void reading.then((message) => {
    result = message ?? 'it ended';
  });
  await waitFor('the download gives up', () => {
    if (clock.pending > 0) clock.advance(STALL_MS / 2);
    return result;
  });
  expect(result).toBe('nothing moved for 30 s');
});
