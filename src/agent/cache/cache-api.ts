import type { RpcClient } from '../../rpc/client.ts';
import { type CacheInfo, CirrusCIService } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import { type RetryDeps, retrying } from '../retry.ts';
import { type TaskIdentity, taskCall } from '../task-api.ts';

/** Where something is to be put, with the headers that go with it. */
export interface UploadTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface UploadedPart {
  readonly partNumber: number;
  readonly etag: string;
}

/** The calls about caches. Each rejects with an `RpcError`, after some attempts where another one may help. */
export interface CacheApi {
  /** The entry of this key, else the newest of a prefix (in their order); undefined for none. */
  info(key: string, prefixes: readonly string[], signal: AbortSignal): Promise<CacheInfo | undefined>;
  /** Addresses to fetch an entry from, to be tried in their order; none for an entry that is not there. */
  downloadUrls(key: string, signal: AbortSignal): Promise<readonly string[]>;
  uploadTarget(key: string, signal: AbortSignal): Promise<UploadTarget>;
  /** Undefined when the server knows no uploads in parts. */
  beginParts(key: string, signal: AbortSignal): Promise<string | undefined>;
  partTarget(key: string, id: string, part: number, bytes: number, signal: AbortSignal): Promise<UploadTarget>;
  commitParts(key: string, id: string, parts: readonly UploadedPart[], signal: AbortSignal): Promise<void>;
  remove(key: string, signal: AbortSignal): Promise<void>;
  /** What ByteStream calls to the addresses of this server carry. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A cache is a help: nobody waits long for one. */
const ATTEMPTS = 3;
const BACKOFF = { firstMs: 250, maxMs: 2_000 };

async function unlessMissing<T>(call: Promise<T>, statuses: readonly string[]): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof RpcError && statuses.includes(error.status)) return undefined;
    throw error;
  }
}

export function createCacheApi(client: RpcClient, identity: TaskIdentity, deps: RetryDeps): CacheApi {
  const { call, named } = taskCall(identity);
  const { method } = CirrusCIService;
  const keyOf = (cacheKey: string) => ({ ...named, cacheKey });
  const repeated = <T>(run: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    const enough = new AbortController();
    const counted = async (attempt: number) => {
      if (attempt >= ATTEMPTS - 1) enough.abort();
      return run();
    };
    return retrying(counted, BACKOFF, deps, AbortSignal.any([signal, enough.signal]));
  };
  return {
    headers: call.headers,
    async info(cacheKey, cacheKeyPrefixes, signal) {
      const request = { ...named, cacheKey, cacheKeyPrefixes: [...cacheKeyPrefixes] };
      const asked = repeated(() => client.unary(method.cacheInfo, request, call, signal), signal);
      return (await unlessMissing(asked, ['NOT_FOUND']))?.info;
    },
    async downloadUrls(key, signal) {
      const ask = () => client.unary(method.generateCacheDownloadURLs, keyOf(key), call, signal);
      return (await unlessMissing(repeated(ask, signal), ['NOT_FOUND']))?.urls ?? [];
    },
    async uploadTarget(key, signal) {
      const ask = () => client.unary(method.generateCacheUploadURL, keyOf(key), call, signal);
      const { url, extraHeaders } = await repeated(ask, signal);
      return { url, headers: extraHeaders };
    },
    async beginParts(key, signal) {
      const ask = () => client.unary(method.multipartCacheUploadCreate, keyOf(key), call, signal);
      return (await unlessMissing(repeated(ask, signal), ['UNIMPLEMENTED']))?.uploadId;
    },
    async partTarget(key, uploadId, partNumber, bytes, signal) {
      const request = { cacheKey: keyOf(key), uploadId, partNumber, contentLength: BigInt(bytes) };
      const ask = () => client.unary(method.multipartCacheUploadPart, request, call, signal);
      const { url, extraHeaders } = await repeated(ask, signal);
      return { url, headers: extraHeaders };
    },
    async commitParts(key, uploadId, parts, signal) {
      const request = { cacheKey: keyOf(key), uploadId, parts: parts.map((part) => ({ ...part })) };
      await repeated(() => client.unary(method.multipartCacheUploadCommit, request, call, signal), signal);
    },
    async remove(key, signal) {
      await repeated(() => client.unary(method.deleteCache, keyOf(key), call, signal), signal);
    },
  };
}
