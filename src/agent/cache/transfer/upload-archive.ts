import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../../lib/errors.ts';
import { errnoOf } from '../../../platform/files.ts';
import { randomToken } from '../../../platform/random.ts';
import type { RetryDeps } from '../../retry.ts';
import type { CacheApi, UploadedPart, UploadTarget } from '../cache-api.ts';
import { removeTree } from '../remove-tree.ts';
import { type Dial, isByteStream, uploadByteStream } from './byte-stream.ts';
import { bodyOf, type UploadBody, uploadHttp } from './http-upload.ts';

/**
 * Size of all parts but the last; some stores want them equal. Ten thousand, which stores allow, make 156 GiB. What fits
 * into one is stored by one request.
 */
export const PART_BYTES = 16 << 20;

/** Parts under way at once: they are what an upload holds in memory. */
const PARALLEL_PARTS = 4;

const MAX_PARTS = 10_000;

export interface UploadDeps extends RetryDeps {
  readonly api: CacheApi;
  readonly dial: Dial;
  /** Private folder, for archives that have to be there before they can be sent. */
  readonly temporary: string;
  /** Size of all parts but the last: `PART_BYTES`. */
  readonly partBytes: number;
}

/** Gathers chunks into parts of one size. */
async function* partsOf(chunks: AsyncIterable<Uint8Array>, partBytes: number): AsyncGenerator<Uint8Array> {
  let gathered: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + partBytes - bytes);
      gathered.push(piece);
      bytes += piece.length;
      at += piece.length;
      if (bytes < partBytes) continue;
      yield Buffer.concat(gathered);
      gathered = [];
      bytes = 0;
    }
  }
  if (bytes > 0) yield Buffer.concat(gathered);
}

async function* joined(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}

function isUrl(url: string): string {
  return /^[a-z][a-z0-9+.-]*:/i.test(url) ? url : `http://${url}`;
}

/** Stores one archive; the parts go as they are made. */
class ArchiveUpload {
  #bytes = 0;

  constructor(
    private readonly key: string,
    private readonly deps: UploadDeps,
    private readonly signal: AbortSignal,
  ) {}

  async run(chunks: AsyncIterable<Uint8Array>): Promise<number> {
    const parts = partsOf(chunks, this.deps.partBytes);
    const first = await parts.next();
    if (first.done === true) return this.#single(new Uint8Array());
    const second =
      first.value.length < this.deps.partBytes ? { done: true as const, value: undefined } : await parts.next();
    if (second.done === true) return this.#single(first.value);
    const rest = joined(second.value, parts);
    const id = await this.deps.api.beginParts(this.key, this.signal);
    if (id === undefined) return this.#whole(joined(first.value, rest));
    await this.#multipart(id, joined(first.value, rest));
    return this.#bytes;
  }

  async #target(): Promise<UploadTarget> {
    const target = await this.deps.api.uploadTarget(this.key, this.signal);
    return { ...target, url: isUrl(target.url) };
  }

  async #single(bytes: Uint8Array): Promise<number> {
    const target = await this.#target();
    if (isByteStream(target.url)) return this.#byteStream(target, bodyOf(bytes).open());
    await this.#put(target, bodyOf(bytes));
    return bytes.length;
  }

  /** The first attempt takes the address that is known already. */
  async #put(first: UploadTarget, body: UploadBody): Promise<void> {
    const known = [first];
    await uploadHttp(async () => known.pop() ?? this.#target(), body, this.deps, this.signal);
  }

  #byteStream({ url, headers }: UploadTarget, chunks: AsyncIterable<Uint8Array>): Promise<number> {
    const own = Object.keys(headers).length === 0 ? this.deps.api.headers : headers;
    return uploadByteStream({ url, key: this.key, headers: own }, chunks, this.deps.dial, this.signal);
  }

  /** To a server without uploads in parts: HTTP stores want to know the size first, so the archive waits on disk, once. */
  async #whole(chunks: AsyncIterable<Uint8Array>): Promise<number> {
    const target = await this.#target();
    if (isByteStream(target.url)) return this.#byteStream(target, chunks);
    const path = join(this.deps.temporary, `cache-${randomToken(8)}`);
    try {
      const sizeBytes = await writeAll(path, chunks);
      await this.#put(target, { sizeBytes, open: () => Bun.file(path).stream() });
      return sizeBytes;
    } finally {
      await removeTree(path);
    }
  }

  async #multipart(id: string, parts: AsyncIterable<Uint8Array>): Promise<void> {
    const failed = new AbortController();
    const both = AbortSignal.any([this.signal, failed.signal]);
    const done: UploadedPart[] = [];
    const underWay = new Set<Promise<void>>();
    let partNumber = 0;
    try {
      for await (const part of parts) {
        partNumber += 1;
        if (partNumber > MAX_PARTS) throw new AppError('CONFIG', `the cache is larger than ${MAX_PARTS} parts`);
        const lane: Promise<void> = this.#part(id, partNumber, part, done, both)
          .catch((error: unknown) => failed.abort(error))
          .finally(() => underWay.delete(lane));
        underWay.add(lane);
        if (underWay.size >= PARALLEL_PARTS) await Promise.race(underWay);
        both.throwIfAborted();
      }
      await Promise.all(underWay);
      both.throwIfAborted();
    } catch (error) {
      failed.abort(error);
      await Promise.all(underWay);
      throw error;
    }
    done.sort((a, b) => a.partNumber - b.partNumber);
    await this.deps.api.commitParts(this.key, id, done, this.signal);
  }

  async #part(id: string, number: number, part: Uint8Array, done: UploadedPart[], signal: AbortSignal): Promise<void> {
    const { api } = this.deps;
    const target = async () => {
      const given = await api.partTarget(this.key, id, number, part.length, signal);
      return { ...given, url: isUrl(given.url) };
    };
    const etag = await uploadHttp(target, bodyOf(part), this.deps, signal);
    done.push({ partNumber: number, etag });
    this.#bytes += part.length;
  }
}

async function writeAll(path: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const handle = await open(path, 'wx', 0o600);
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      await handle.writeFile(chunk);
      bytes += chunk.length;
    }
    await handle.sync(); // what a full disk could not take is told here at the latest
  } catch (error) {
    if (errnoOf(error) !== 'ENOSPC') throw error;
    const hint = 'free some space on the worker';
    throw new AppError('TEMPORARY', `the disk of ${path} is full`, { hint, cause: error });
  } finally {
    await handle.close();
  }
  return bytes;
}

/**
 * Stores the chunks of an archive under a key, and gives its size: in parts, several at a time, while it is made; by one
 * request when it is small. Rejects with a `TransferFailure`, an `RpcError`, what `chunks` throws, or on abort.
 */
export function uploadArchive(
  key: string,
  chunks: AsyncIterable<Uint8Array>,
  deps: UploadDeps,
  signal: AbortSignal,
): Promise<number> {
  return new ArchiveUpload(key, deps, signal).run(chunks);
}
