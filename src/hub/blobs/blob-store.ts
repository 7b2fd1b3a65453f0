import { AppError } from '../../lib/errors.ts';
import { formatSize } from '../../lib/size.ts';

/** Content that has been stored. */
export interface StoredBlob {
  readonly size: number;
  /** SHA-256 as 64 hexadecimal digits, or whatever the store has instead of it; equal content, equal digest. */
  readonly digest: string;
}

/** A range of bytes, `to` left out. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/** Addresses by which agents reach the store without the hub in between. All of them expire. */
export interface DirectAccess {
  /** For one PUT of exactly `size` bytes, where the size is known. */
  put(name: string, size: number | undefined, lifeMs: number): string;
  get(name: string, lifeMs: number): string;
  createMultipart(name: string): Promise<string>;
  part(name: string, remoteId: string, part: number, size: number, lifeMs: number): string;
  commitMultipart(name: string, remoteId: string, parts: readonly MultipartPart[]): Promise<void>;
  abortMultipart(name: string, remoteId: string): Promise<void>;
}

export interface MultipartPart {
  readonly part: number;
  readonly etag: string;
}

/** Content of caches and artifacts by name, written once. Names are hexadecimal, made by the hub. */
export interface BlobStore {
  /**
   * Takes content in, as fast as the store is and no faster. Resolves once it is stored for good. Throws
   * `BlobTooLargeError`, or `AppError` (UNAVAILABLE) for a full disk or a store that is away; nothing is left then.
   */
  put(name: string, body: AsyncIterable<Uint8Array>, maxBytes: number, signal: AbortSignal): Promise<StoredBlob>;
  /** The content, or the range of it, as fast as it is read. Fails while reading where the blob is missing. */
  read(name: string, range?: ByteRange): ReadableStream<Uint8Array>;
  /** Undefined where the blob is missing. */
  stat(name: string): Promise<{ readonly size: number; readonly digest?: string } | undefined>;
  /** Makes one blob of others, in their order; they are gone then. */
  join(name: string, parts: readonly string[]): Promise<StoredBlob>;
  /** A name that is missing is no error. */
  remove(name: string): Promise<void>;
  /** Everything that is stored, with its age by the store's own clock. */
  list(): AsyncIterable<{ readonly name: string; readonly changedMs: number }>;
  readonly direct?: DirectAccess | undefined;
}

/** Beyond its limit; an error of its own, since HTTP and gRPC have a status for it. */
export class BlobTooLargeError extends AppError {
  constructor(maxBytes: number) {
    super('CONFIG', `the content is larger than the ${formatSize(maxBytes)} that were announced or are allowed`);
  }
}

/** Passes on what is within `maxBytes`. Throws `BlobTooLargeError` as soon as it is more. */
export async function* bounded(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of body) {
    signal.throwIfAborted();
    bytes += chunk.length;
    if (bytes > maxBytes) throw new BlobTooLargeError(maxBytes);
    yield chunk;
  }
  signal.throwIfAborted(); // a body whose sender has gone may look like one that has ended
}
