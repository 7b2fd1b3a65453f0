import { createHash } from 'node:crypto';
import { z } from 'zod';
import { AppError } from '../../../lib/errors.ts';

/**
 * An archive is a series of zstd frames, one for each piece of the tar stream, so that all cores can pack and unpack.
 * A skippable frame in front tells what it holds, one at the end seals it with the hash of everything before. Programs
 * that know nothing of this skip both: `zstd -d < archive | tar t` lists it.
 */

const SKIPPABLE_MAGIC = 0x184d2a50;
const FRAME_MAGIC = 0xfd2fb528;
const FORMAT = 'pwagent-cache';

/** Longest opening, and longest packed frame; both lie far above what is ever written. */
export const MAX_OPENING_BYTES = 16 << 20;
const MAX_FRAME_BYTES = 32 << 20;

/** Largest content of one frame that is unpacked. */
const MAX_CONTENT_BYTES = 16 << 20;

const openingSchema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(1),
  roots: z.array(z.object({ folder: z.string(), match: z.string() })),
});

/** A folder in the archive, its entries named by its number. `match` is the path that a pattern stood for, else empty. */
export interface ArchivedRoot {
  /** As in the configuration, before expansion. */
  readonly folder: string;
  readonly match: string;
}

export function damaged(what: string, cause?: unknown): AppError {
  return new AppError('CONFIG', `the archive ${what}`, { cause });
}

function skippable(payload: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(SKIPPABLE_MAGIC, 0);
  head.writeUInt32LE(payload.length, 4);
  return Buffer.concat([head, payload]);
}

export function encodeOpening(roots: readonly ArchivedRoot[]): Buffer {
  return skippable(Buffer.from(JSON.stringify({ format: FORMAT, version: 1, roots })));
}

/** Reads the opening of an archive. Throws `AppError`. */
export function decodeOpening(frame: Uint8Array): readonly ArchivedRoot[] {
  try {
    return openingSchema.parse(JSON.parse(Buffer.from(frame.subarray(8)).toString())).roots;
  } catch (error) {
    throw damaged('has no readable opening', error);
  }
}

const SEAL_MARK = Buffer.from('sha256:');

/**
 * The hash that seals an archive: SHA-256 over the XXH3 of each frame before the seal. It tells damage on the way from
 * an archive that is whole; whoever may write archives may seal them, too. XXH3 is read at the speed of memory, while
 * SHA-256 of everything took an eighth of the time that a restore takes.
 */
export class SealHash {
  readonly #hash = createHash('sha256');

  update(frame: Uint8Array): void {
    const sum = Buffer.alloc(16);
    sum.writeBigUInt64LE(Bun.hash.xxHash3(frame), 0);
    sum.writeDoubleLE(frame.length, 8);
    this.#hash.update(sum);
  }

  /** The seal of what was hashed; the object is used up. */
  seal(): Buffer {
    return skippable(Buffer.concat([SEAL_MARK, this.#hash.digest()]));
  }
}

export function isSkippable(bytes: Uint8Array): boolean {
  const [low = 0, ...rest] = bytes.subarray(0, 4);
  return (low & 0xf0) === 0x50 && rest.length === 3 && rest[0] === 0x2a && rest[1] === 0x4d && rest[2] === 0x18;
}

/** Sizes of the fields of a frame's header: zstd's format description (RFC 8878), section 3.1.1.1. */
function headerOf(bytes: Buffer): { headerBytes: number; contentBytes: number } {
  const descriptor = bytes[4] ?? 0;
  const single = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  const sizeBytes = sizeFlag === 0 ? (single ? 1 : 0) : 1 << sizeFlag;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const at = 5 + (single ? 0 : 1) + dictionaryBytes;
  let contentBytes = Number.POSITIVE_INFINITY;
  if (sizeBytes === 1) contentBytes = bytes[at] ?? 0;
  if (sizeBytes === 2) contentBytes = bytes.readUInt16LE(at) + 256;
  if (sizeBytes === 4) contentBytes = bytes.readUInt32LE(at);
  if (sizeBytes === 8) contentBytes = Number(bytes.readBigUInt64LE(at));
  return { headerBytes: at + sizeBytes, contentBytes };
}

/** Longest header of a frame, and therefore what must be there before one is read. */
const LONGEST_HEADER = 18;

const BUFFER_BYTES = 4 << 20;

/** Cuts a stream into its frames. */
export class FrameSplitter {
  #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #start = 0;
  #end = 0;
  /** Where the next block of the current frame begins, from the frame's start; 0 before its header is read. */
  #scan = 0;

  push(chunk: Uint8Array): void {
    if (this.#end + chunk.length > this.#buffer.length) this.#renew(chunk.length);
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** Bytes of a frame that is not complete. */
  get pending(): number {
    return this.#end - this.#start;
  }

  /** The next complete frame. Throws `AppError` for what is no frame, or too large. */
  next(): Uint8Array | undefined {
    const length = this.#frameLength(this.#buffer.subarray(this.#start, this.#end));
    if (length === undefined) {
      if (this.pending > MAX_FRAME_BYTES) throw damaged('has a frame that is too large');
      return undefined;
    }
    const frame = this.#buffer.subarray(this.#start, this.#start + length);
    this.#start += length;
    this.#scan = 0;
    return frame;
  }

  /** A new buffer each time: frames that were handed out are still being unpacked from the old one. */
  #renew(bytes: number): void {
    const pending = this.#end - this.#start;
    const target = Buffer.allocUnsafeSlow(Math.max(BUFFER_BYTES, 2 * (pending + bytes)));
    this.#buffer.copy(target, 0, this.#start, this.#end);
    this.#buffer = target;
    this.#start = 0;
    this.#end = pending;
  }

  #frameLength(bytes: Buffer): number | undefined {
    if (bytes.length < 8) return undefined;
    if (isSkippable(bytes)) {
      const length = 8 + bytes.readUInt32LE(4);
      if (length > MAX_OPENING_BYTES) throw damaged('has a frame that is too large');
      return bytes.length >= length ? length : undefined;
    }
    if (bytes.readUInt32LE(0) !== FRAME_MAGIC) throw damaged('has bytes that are no frame');
    if (this.#scan === 0) {
      if (bytes.length < LONGEST_HEADER) return undefined;
      const { headerBytes, contentBytes } = headerOf(bytes);
      if (contentBytes > MAX_CONTENT_BYTES) throw damaged('has a frame that is too large');
      this.#scan = headerBytes;
    }
    return this.#afterBlocks(bytes);
  }

  #afterBlocks(bytes: Buffer): number | undefined {
    while (this.#scan + 3 <= bytes.length) {
      const block = bytes.readUIntLE(this.#scan, 3);
      const isLast = (block & 1) !== 0;
      const size = ((block >> 1) & 3) === 1 ? 1 : block >> 3;
      const end = this.#scan + 3 + size + (isLast && ((bytes[4] ?? 0) & 4) !== 0 ? 4 : 0);
      if (isLast) return end <= bytes.length ? end : undefined;
      this.#scan = end;
    }
    return undefined;
  }
}
