import { streamOf } from '../../lib/byte-stream.ts';
import { describeError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import type { CacheApi } from '../cache/cache-api.ts';
import type { CacheStore } from '../cache/cache-store.ts';
import { TransferFailure } from '../cache/transfer/transfer-failure.ts';

/** Requests served at a time; build tools ask for a few dozen at once and wait for the rest. */
const MAX_REQUESTS = 128;

export interface HttpCacheDeps {
  readonly api: CacheApi;
  readonly store: CacheStore;
  readonly log: Logger;
}

function text(status: number, message: string, headers: Record<string, string> = {}): Response {
  return new Response(`${message}\n`, { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers } });
}

/**
 * The key that a request is about: its path, decoded once, so that every key has one spelling in the store whatever
 * characters it has. Undefined for a path that has none, or broken escapes.
 */
export function keyOf(url: string): string | undefined {
  const { pathname, search } = new URL(url);
  try {
    const key = decodeURIComponent(pathname.slice(1));
    return key === '' ? undefined : `${key}${search}`;
  } catch {
    return undefined; // %ZZ and the like
  }
}

/** A web page in a browser of this machine is not a build tool, whatever name it has made its server's address be. */
export function isFromBrowser(headers: Headers): boolean {
  const host = headers.get('host') ?? '';
  const isLoopback = host === '' || /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/i.test(host);
  return !isLoopback || headers.has('origin') || headers.has('sec-fetch-site');
}

/** The answer for a store that fails: what it said where that means something to the tool, else that it is not there. */
function failureResponse(error: unknown): Response {
  if (error instanceof TransferFailure) return text(error.status ?? 502, error.message);
  if (!(error instanceof RpcError)) throw error;
  const status = error.status === 'UNIMPLEMENTED' ? 501 : error.status === 'RESOURCE_EXHAUSTED' ? 507 : 502;
  return text(status, error.message);
}

/** Passes an upload on, and makes sure that a tool that breaks off leaves nothing behind. */
async function* wholeBody(request: Request): AsyncGenerator<Uint8Array> {
  const announced = request.headers.get('content-length');
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.length;
    yield chunk;
  }
  if (announced !== null && Number(announced) !== bytes) throw new TransferFailure('broken', 'the upload was cut off');
}

type Serve = (key: string, request: Request, deps: HttpCacheDeps) => Promise<Response>;

const get: Serve = async (key, { signal }, { store, log }) => {
  try {
    const download = await store.fetch(key, signal);
    if (download === undefined) return text(404, 'there is no such entry');
    const { sizeBytes, body } = download;
    const headers = { 'content-type': 'application/octet-stream' };
    const length = sizeBytes === undefined ? {} : { 'content-length': String(sizeBytes) };
    return new Response(streamOf(body), { headers: { ...headers, ...length } });
  } catch (error) {
    log.warn('cache entry not fetched', { key, reason: describeError(error) });
    return text(404, 'the entry could not be fetched'); // a miss: tools build it themselves
  }
};

const head: Serve = async (key, { signal }, { api }) => {
  const info = await api.info(key, [], signal).catch(() => undefined); // any trouble counts as a miss
  if (info === undefined) return new Response(null, { status: 404 });
  return new Response(null, { headers: { 'content-length': String(info.sizeInBytes) } });
};

const put: Serve = async (key, request, { store, log }) => {
  try {
    await store.store(key, wholeBody(request), request.signal);
    return new Response(null, { status: 201 });
  } catch (error) {
    log.warn('cache entry not stored', { key, reason: describeError(error) });
    return failureResponse(error);
  }
};

const remove: Serve = async (key, { signal }, { api }) => {
  try {
    await api.remove(key, signal);
    return new Response(null, { status: 204 });
  } catch (error) {
    const isUnknown = error instanceof RpcError && error.status === 'UNIMPLEMENTED';
    return isUnknown ? text(501, 'this server cannot remove entries') : text(500, describeError(error));
  }
};

const SERVE: Readonly<Record<string, Serve>> = { GET: get, HEAD: head, PUT: put, POST: put, DELETE: remove };

/** Serves build tools: `GET`, `HEAD`, `PUT`, `POST` and `DELETE` of `/KEY`; specification of the agent, section 10. */
export function requestHandler(deps: HttpCacheDeps): (request: Request) => Promise<Response> {
  let running = 0;
  return async (request) => {
    if (isFromBrowser(request.headers)) return text(403, 'only programs of this task are served');
    const serve = SERVE[request.method];
    if (serve === undefined) return text(405, 'not known here', { allow: Object.keys(SERVE).join(', ') });
    const key = keyOf(request.url);
    if (key === undefined) return text(400, 'the path must be the key of an entry');
    if (running >= MAX_REQUESTS) return text(503, 'too many requests at once', { 'retry-after': '1' });
    running += 1;
    try {
      return await serve(key, request, deps);
    } catch (error) {
      if (!request.signal.aborted) deps.log.error('cache request failed', { key, reason: describeError(error) });
      return text(500, 'internal error, see the log of the agent');
    } finally {
      running -= 1;
    }
  };
}
