import type { CacheApi } from './cache-api.ts';
import { downloadByteStream, isByteStream } from './transfer/byte-stream.ts';
import { type Download, downloadHttp } from './transfer/http-download.ts';
import { TransferFailure } from './transfer/transfer-failure.ts';
import { type UploadDeps, uploadArchive } from './transfer/upload-archive.ts';

/** Where caches are kept. Calls reject with a `TransferFailure`, an `RpcError`, or on abort. */
export interface CacheStore {
  /** The key of the newest entry whose key begins with `prefix`; undefined for none. */
  newest(prefix: string, signal: AbortSignal): Promise<string | undefined>;
  has(key: string, signal: AbortSignal): Promise<boolean>;
  /** Undefined when there is no such entry. */
  fetch(key: string, signal: AbortSignal): Promise<Download | undefined>;
  /** Gives the size of what was stored. */
  store(key: string, chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<number>;
}

/** The caches of the server that the task came from. */
export function serverStore(deps: UploadDeps): CacheStore {
  const { api } = deps;
  const from = (url: string, key: string, signal: AbortSignal): Promise<Download | undefined> =>
    isByteStream(url)
      ? downloadByteStream({ url, key, headers: api.headers }, deps.dial, signal)
      : downloadHttp(/^[a-z][a-z0-9+.-]*:/i.test(url) ? url : `http://${url}`, deps, signal);
  return {
    async newest(prefix, signal) {
      return (await api.info('', [prefix], signal))?.key;
    },
    async has(key, signal) {
      return (await api.info(key, [], signal)) !== undefined;
    },
    async fetch(key, signal) {
      let failure: TransferFailure | undefined;
      for (const url of await api.downloadUrls(key, signal)) {
        try {
          const download = await from(url, key, signal);
          if (download !== undefined) return download;
        } catch (error) {
          if (!(error instanceof TransferFailure)) throw error;
          failure = error;
        }
      }
      if (failure !== undefined) throw failure;
      return undefined;
    },
    store: (key, chunks, signal) => uploadArchive(key, chunks, deps, signal),
  };
}

/** `host:port`, as `CIRRUS_HTTP_CACHE_HOST` names a cache server that is not ours. */
export function hostStore(host: string, api: CacheApi, deps: UploadDeps): CacheStore {
  const url = (key: string) => `http://${host}/${encodeURIComponent(key)}`;
  const found = async (key: string, signal: AbortSignal) => {
    const response = await fetch(url(key), { method: 'HEAD', signal });
    return response.status === 200;
  };
  const single: CacheApi = {
    ...api,
    beginParts: async () => undefined,
    uploadTarget: async (key) => ({ url: url(key), headers: {} }),
  };
  return {
    async newest(prefix, signal) {
      return (await api.info('', [prefix], signal))?.key;
    },
    has: found,
    fetch: (key, signal) => downloadHttp(url(key), deps, signal),
    store: (key, chunks, signal) => uploadArchive(key, chunks, { ...deps, api: single }, signal),
  };
}
