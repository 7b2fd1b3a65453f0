import type { MessageInitShape } from '@bufbuild/protobuf';
import type { CacheRetrievalAttemptSchema } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { CacheStore } from './cache-store.ts';
import type { CacheFolder } from './folders.ts';
import type { Manifest } from './manifest.ts';

export type CacheAttempt = MessageInitShape<typeof CacheRetrievalAttemptSchema>;

/** What became of one cache instruction, for the upload at the end. */
export interface CacheRecord {
  /** The key that was asked for, whatever was restored. */
  readonly key: string;
  readonly folders: readonly CacheFolder[];
  /** Whether the store has an entry of this very key that is worth keeping. */
  readonly available: boolean;
  /** The upload has nothing to do, without a look at the files. */
  readonly skipUpload: boolean;
  /** An entry of this key is there, yet damaged: it is replaced without asking. */
  readonly replaces: boolean;
  /** What was restored; undefined after a miss. */
  readonly manifest: Manifest | undefined;
}

const nanos = (ms: number) => BigInt(Math.max(0, Math.round(ms * 1_000_000)));

interface Attempt {
  error: string;
  hit?: { sizeBytes: bigint; downloadedInNanos: bigint; extractedInNanos: bigint };
  miss?: { sizeBytes: bigint; populatedInNanos: bigint; archivedInNanos: bigint; uploadedInNanos: bigint };
}

function messageOf({ error, hit, miss }: Attempt): CacheAttempt {
  if (hit !== undefined) return { error, result: { case: 'hit', value: hit } };
  return miss === undefined ? { error } : { error, result: { case: 'miss', value: miss } };
}

/** The attempts to get caches, as the final report tells them. */
export class CacheAttempts {
  readonly #attempts = new Map<string, Attempt>();

  /** By the key of the cache. */
  get all(): Readonly<Record<string, CacheAttempt>> {
    return Object.fromEntries([...this.#attempts].map(([key, attempt]) => [key, messageOf(attempt)]));
  }

  failed(key: string, error: string): void {
    this.#attempts.set(key, { error });
  }

  hit(key: string, sizeBytes: number, downloadMs: number, extractMs: number): void {
    const times = { downloadedInNanos: nanos(downloadMs), extractedInNanos: nanos(extractMs) };
    this.#attempts.set(key, { error: '', hit: { sizeBytes: BigInt(sizeBytes), ...times } });
  }

  /** Keeps the error of an attempt that came to nothing. */
  miss(key: string, populateMs: number): void {
    const { error = '' } = this.#attempts.get(key) ?? {};
    const none = { sizeBytes: 0n, archivedInNanos: 0n, uploadedInNanos: 0n };
    this.#attempts.set(key, { error, miss: { ...none, populatedInNanos: nanos(populateMs) } });
  }

  /** Completes a miss; a hit says nothing of what was stored afterwards. */
  uploaded(key: string, sizeBytes: number, archiveMs: number, uploadMs: number): void {
    const miss = this.#attempts.get(key)?.miss;
    if (miss === undefined) return;
    miss.sizeBytes = BigInt(sizeBytes);
    miss.archivedInNanos = nanos(archiveMs);
    miss.uploadedInNanos = nanos(uploadMs);
  }
}

/** The caches of one task. */
export class TaskCaches {
  readonly attempts = new CacheAttempts();
  readonly #records = new Map<string, CacheRecord>();

  /** `storeAt`: the store that a step's `CIRRUS_HTTP_CACHE_HOST` means. */
  constructor(readonly storeAt: (host: string | undefined) => CacheStore) {}

  /** Keeps the first record of a name. */
  add(name: string, record: CacheRecord): void {
    if (!this.#records.has(name)) this.#records.set(name, record);
  }

  find(name: string): CacheRecord | undefined {
    return this.#records.get(name);
  }
}
