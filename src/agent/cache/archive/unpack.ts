import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { errnoOf } from '../../../platform/files.ts';
import { decompressPiece, parallelPieces } from '../../../platform/zstd.ts';
import { type ArchivedRoot, damaged, decodeOpening, FrameSplitter, isSkippable, SealHash } from './envelope.ts';
import { type EntrySink, TarParser } from './tar-parser.ts';

/**
 * What to do with an archive, once its first bytes have told what it is. `roots` is undefined for an archive of the
 * kind that was stored before: one tar stream in one gzip member, names beginning with a slash.
 */
export type OpenSink = (roots: readonly ArchivedRoot[] | undefined) => EntrySink;

/** The beginning of a stream (at least `bytes` of it, unless it ends before) and the whole of it. */
async function peek(chunks: AsyncIterable<Uint8Array>, bytes: number) {
  const iterator = chunks[Symbol.asyncIterator]();
  const seen: Uint8Array[] = [];
  let length = 0;
  while (length < bytes) {
    const next = await iterator.next();
    if (next.done === true) break;
    seen.push(next.value);
    length += next.value.length;
  }
  async function* whole(): AsyncGenerator<Uint8Array> {
    try {
      yield* seen;
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { head: Buffer.concat(seen), whole: whole() };
}

async function unpackGzip(chunks: AsyncIterable<Uint8Array>, parser: TarParser, signal: AbortSignal): Promise<void> {
  const problem: { readonly error?: unknown }[] = [];
  async function* watched() {
    try {
      yield* chunks;
    } catch (error) {
      problem.push({ error }); // what broke the stream, which `pipeline` may replace by its own words
      throw error;
    }
  }
  try {
    const take = async (pieces: AsyncIterable<Uint8Array>) => {
      for await (const piece of pieces) parser.push(piece);
    };
    await pipeline(Readable.from(watched(), { objectMode: false }), createGunzip({ chunkSize: 1 << 20 }), take, {
      signal,
    });
  } catch (error) {
    if (problem[0] !== undefined) throw problem[0].error;
    throw errnoOf(error)?.startsWith('Z_') === true ? damaged('is damaged or cut off', error) : error;
  }
}

async function content(frame: Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    return await frame;
  } catch (error) {
    throw damaged('is damaged', error);
  }
}

/** Reads our own archives: frames are unpacked side by side and handed on in order. */
class SealedReader {
  readonly #splitter = new FrameSplitter();
  readonly #hash = new SealHash();
  readonly #underWay: Promise<Uint8Array>[] = [];
  #parser: TarParser | undefined;
  #sealed = false;

  constructor(private readonly open: OpenSink) {}

  async read(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    try {
      for await (const chunk of chunks) {
        signal.throwIfAborted();
        this.#splitter.push(chunk);
        for (let frame = this.#splitter.next(); frame !== undefined; frame = this.#splitter.next())
          await this.#take(frame);
      }
      await this.#handOn(0);
    } finally {
      await Promise.allSettled(this.#underWay);
    }
    if (!this.#sealed || this.#splitter.pending > 0) throw damaged('is cut off');
    this.#parser?.finish();
  }

  async #take(frame: Uint8Array): Promise<void> {
    if (this.#sealed) throw damaged('has bytes behind its end');
    if (!isSkippable(frame)) {
      const unpacking = decompressPiece(frame);
      unpacking.catch(() => {}); // looked at in its turn
      this.#underWay.push(unpacking);
      await this.#handOn(parallelPieces() - 1);
    } else if (this.#parser === undefined) {
      this.#parser = new TarParser(this.open(decodeOpening(frame)));
    } else {
      if (!this.#hash.seal().equals(frame)) throw damaged('does not have the content that its seal names');
      this.#sealed = true;
      return;
    }
    this.#hash.update(frame);
  }

  async #handOn(keep: number): Promise<void> {
    while (this.#underWay.length > keep) {
      const first = this.#underWay.shift();
      if (first === undefined || this.#parser === undefined) throw damaged('has no opening');
      this.#parser.push(await content(first));
    }
  }
}

/**
 * Reads an archive of either kind from a stream. Throws `AppError` for one that is damaged, cut off or of another kind;
 * rejects with what the stream or the sink throws, and on abort. Our own are proven whole when this resolves.
 */
export async function unpackArchive(
  chunks: AsyncIterable<Uint8Array>,
  open: OpenSink,
  signal: AbortSignal,
): Promise<void> {
  const { head, whole } = await peek(chunks, 4);
  if (isSkippable(head)) {
    await new SealedReader(open).read(whole, signal);
  } else if (head[0] === 0x1f && head[1] === 0x8b) {
    const parser = new TarParser(open(undefined));
    await unpackGzip(whole, parser, signal);
    parser.finish();
  } else {
    await whole.return(undefined);
    throw damaged(head.length === 0 ? 'is empty' : 'is of an unknown kind');
  }
}
