import { describeError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import type { CacheApi } from '../cache/cache-api.ts';
import type { CacheStore } from '../cache/cache-store.ts';
import { TransferFailure } from '../cache/transfer/transfer-failure.ts';

/** Largest body that is taken; no build tool has larger entries. */
const MAX_BODY_BYTES = 16 * 2 ** 30;

export interface HttpCacheDeps {
  readonly api: CacheApi;
  readonly store: CacheStore;
  readonly log: Logger;
}

/** A request, as far as a cache is concerned. */
export interface CacheRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface CacheAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: AsyncIterable<Uint8Array> | string;
}

function text(status: number, message: string, headers: Record<string, string> = {}): CacheAnswer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers }, body: `${message}\n` };
}

/**
 * The key that a request is about: its path, decoded once, so that every key has one spelling in the store whatever
 * characters it has. Undefined for a path that has none, or broken escapes.
 */
export function keyOf(target: string): string | undefined {
  const [, path = '', query = ''] = /^\/([^?]*)(\?[\s\S]*)?$/.exec(target) ?? [];
  try {
    const key = decodeURIComponent(path);
    return key === '' ? undefined : `${key}${query}`;
  } catch {
    return undefined; // %ZZ and the like
  }
}

/** A web page in a browser of this machine is not a build tool, whatever name it has made its server's address be. */
export function isFromBrowser(headers: CacheRequest['headers']): boolean {
  const { host = '' } = headers;
  const isLoopback = host === '' || /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/i.test(host);
  return !isLoopback || headers.origin !== undefined || headers['sec-fetch-site'] !== undefined;
}

/** The answer for a store that fails: what it said where that means something to the tool, else that it is not there. */
function failureAnswer(error: unknown): CacheAnswer {
  if (error instanceof TransferFailure) return text(error.status ?? 502, error.message);
  if (!(error instanceof RpcError)) throw error;
  const status = error.status === 'UNIMPLEMENTED' ? 501 : error.status === 'RESOURCE_EXHAUSTED' ? 507 : 502;
  return text(status, error.message);
}

/** Passes an upload on, and makes sure that a tool that breaks off leaves nothing behind. */
async function* wholeBody({ headers, body }: CacheRequest): AsyncGenerator<Uint8Array> {
  const announced = headers['content-length'];
  const most = Math.min(MAX_BODY_BYTES, announced === undefined ? MAX_BODY_BYTES : Number(announced));
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > most) throw new TransferFailure('refused', 'the upload is too large', undefined, undefined, 413);
    yield chunk;
  }
  if (announced !== undefined && Number(announced) !== bytes)
    throw new TransferFailure('broken', 'the upload was cut off');
}

type Serve = (key: string, request: CacheRequest, deps: HttpCacheDeps, signal: AbortSignal) => Promise<CacheAnswer>;

const get: Serve = async (key, _request, { store, log }, signal) => {
  try {
    const download = await store.fetch(key, signal);
    if (download === undefined) return text(404, 'there is no such entry');
    const { sizeBytes, body } = download;
    const headers = { 'content-type': 'application/octet-stream' };
    const length = sizeBytes === undefined ? {} : { 'content-length': String(sizeBytes) };
    return { status: 200, headers: { ...headers, ...length }, body };
  } catch (error) {
    log.warn('cache entry not fetched', { key, reason: describeError(error) });
    return text(404, 'the entry could not be fetched'); // a miss: tools build it themselves
  }
};

const head: Serve = async (key, _request, { api }, signal) => {
  const info = await api.info(key, [], signal).catch(() => undefined); // any trouble counts as a miss
  if (info === undefined) return { status: 404, headers: {} };
  return { status: 200, headers: { 'content-length': String(info.sizeInBytes) } };
};

const put: Serve = async (key, request, { store, log }, signal) => {
  try {
    await store.store(key, wholeBody(request), signal);
    return { status: 201, headers: {} };
  } catch (error) {
    log.warn('cache entry not stored', { key, reason: describeError(error) });
    return failureAnswer(error);
  }
};

const remove: Serve = async (key, _request, { api }, signal) => {
  try {
    await api.remove(key, signal);
    return { status: 204, headers: {} };
  } catch (error) {
    const isUnknown = error instanceof RpcError && error.status === 'UNIMPLEMENTED';
    return isUnknown ? text(501, 'this server cannot remove entries') : text(500, describeError(error));
  }
};

const SERVE: Readonly<Record<string, Serve>> = { GET: get, HEAD: head, PUT: put, POST: put, DELETE: remove };

/** Serves build tools: `GET`, `HEAD`, `PUT`, `POST` and `DELETE` of `/KEY`; specification of the agent, section 10. */
export function requestHandler(
  deps: HttpCacheDeps,
): (request: CacheRequest, signal: AbortSignal) => Promise<CacheAnswer> {
  return async (request, signal) => {
    if (isFromBrowser(request.headers)) return text(403, 'only programs of this task are served');
    const serve = SERVE[request.method];
    if (serve === undefined) return text(405, 'not known here', { allow: Object.keys(SERVE).join(', ') });
    const key = keyOf(request.target);
    if (key === undefined) return text(400, 'the path must be the key of an entry');
    try {
      return await serve(key, request, deps, signal);
    } catch (error) {
      if (!signal.aborted) deps.log.error('cache request failed', { key, reason: describeError(error) });
      return text(500, 'internal error, see the log of the agent');
    }
  };
}
