import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../platform/clock.ts';
import { randomToken } from '../../platform/random.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import type { Database } from '../store/database.ts';
import { type BlobStore, BlobTooLargeError, type StoredBlob } from './blob-store.ts';
import { signBlobPath } from './blob-url.ts';
import type { UrlKeys } from './url-keys.ts';

const GIB = 2 ** 30;

/** How much caches and artifacts may take, in bytes and files. */
export interface BlobLimits {
  readonly cacheBytes: number;
  /** All entries together; those that were not used for longest go first. */
  readonly allCachesBytes: number;
  readonly artifactBytes: number;
  readonly taskArtifactBytes: number;
  readonly taskArtifactFiles: number;
  /** Uploads that a task may have begun and not ended. */
  readonly openUploads: number;
}

export const BLOB_LIMITS: BlobLimits = {
  cacheBytes: 10 * GIB,
  allCachesBytes: 50 * GIB,
  artifactBytes: 5 * GIB,
  taskArtifactBytes: 20 * GIB,
  taskArtifactFiles: 20_000,
  openUploads: 25_000,
};

/** Addresses for agents are good for so long: longer than any task that asks for one at its beginning takes, mostly. */
export const ADDRESS_MS = 2 * 3_600_000;
/** Addresses for people. */
export const LINK_MS = 10 * 60_000;

export interface BlobDeskDeps {
  readonly store: Database;
  readonly blobs: BlobStore;
  readonly keys: UrlKeys;
  /** Where tasks reach the hub by HTTP; `given` when the operator said so. */
  readonly publicUrl: () => { readonly text: string; readonly given: boolean };
  readonly limits: BlobLimits;
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly log: Logger;
}

/** What caches and artifacts share: names of blobs, addresses, promises. */
export class BlobDesk {
  constructor(readonly deps: BlobDeskDeps) {}

  newName(): string {
    return randomToken(16);
  }

  get expiresMs(): number {
    return this.deps.clock.wallMs() + ADDRESS_MS;
  }

  /** Takes content in that comes through the hub. Throws `RpcError` (INVALID_ARGUMENT) for more than `maxBytes`. */
  async receive(
    object: string,
    body: AsyncIterable<Uint8Array>,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<StoredBlob> {
    try {
      return await this.deps.blobs.put(object, body, maxBytes, signal);
    } catch (error) {
      if (error instanceof BlobTooLargeError) throw new RpcError('INVALID_ARGUMENT', error.message);
      throw error;
    }
  }

  /** For one PUT of at most `maxBytes`, at the store itself where it has addresses, else at the hub. */
  async putAddress(object: string, maxBytes: number, exact: boolean): Promise<string> {
    const direct = this.deps.blobs.direct?.put(object, exact ? maxBytes : undefined, ADDRESS_MS);
    return direct ?? this.#address({ object, action: 'put', part: 0, maxBytes, fileName: '' });
  }

  /** For one part of a multipart upload at the hub. */
  partAddress(object: string, part: number, maxBytes: number): Promise<string> {
    return this.#address({ object, action: 'part', part, maxBytes, fileName: '' });
  }

  async getAddress(object: string): Promise<string> {
    const direct = this.deps.blobs.direct?.get(object, ADDRESS_MS);
    return direct ?? this.#address({ object, action: 'get', part: 0, maxBytes: 0, fileName: '' });
  }

  /** Path of a download for people, always at the hub, since only it says how to treat the content. */
  async linkPath(object: string, fileName: string): Promise<string> {
    const expiresAtMs = this.deps.clock.wallMs() + LINK_MS;
    const grant = { object, action: 'get', part: 0, maxBytes: 0, expiresAtMs, fileName } as const;
    return signBlobPath(grant, await this.deps.keys.current());
  }

  async #address(grant: Omit<Parameters<typeof signBlobPath>[0], 'expiresAtMs'>): Promise<string> {
    const path = signBlobPath({ ...grant, expiresAtMs: this.expiresMs }, await this.deps.keys.current());
    return this.deps.publicUrl().text + path;
  }
}

/** Throws `RpcError` (INVALID_ARGUMENT) for a key that no cache has. */
export function checkCacheKey(key: string): void {
  if (key === '') throw new RpcError('INVALID_ARGUMENT', 'the cache key is empty');
  if (key.length > 1_024) throw new RpcError('INVALID_ARGUMENT', 'the cache key is longer than 1024 characters');
  if (key.includes('\0')) throw new RpcError('INVALID_ARGUMENT', 'the cache key has a zero character in it');
}
