import { AppError } from './errors.ts';
import { brokenTar, numberField, paxRecords, textField, verifyCheckSum } from './tar-fields.ts';
import { TAR_BLOCK_BYTES, type TarEntryType, type TarHeader, tarPadding } from './tar-format.ts';

/** One entry of an archive. `content` must be read before the next entry is asked for; what is left is skipped. */
export interface TarEntry extends TarHeader {
  readonly content: AsyncIterable<Uint8Array>;
}

/** Extended headers hold names: more than this is an attack, not a name. */
const MAX_EXTENDED_BYTES = 1 << 20;

const TYPE_OF_FLAG: Readonly<Record<string, TarEntryType>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '2': 'symlink',
  '5': 'folder',
};

/** Gives the bytes of a stream in the amounts that are asked for. */
class ByteSource {
  #buffer: Uint8Array = new Uint8Array();
  readonly #chunks: AsyncIterator<Uint8Array>;

  constructor(chunks: AsyncIterator<Uint8Array>) {
    this.#chunks = chunks;
  }

  /** Between 1 and `maxBytes` bytes; none at the end of the stream. */
  async some(maxBytes: number): Promise<Uint8Array> {
    while (this.#buffer.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return this.#buffer;
      this.#buffer = next.value;
    }
    const piece = this.#buffer.subarray(0, maxBytes);
    this.#buffer = this.#buffer.subarray(piece.length);
    return piece;
  }

  /** Exactly `bytes` bytes, or undefined when the stream ends right here. Throws when it ends within. */
  async exactly(bytes: number): Promise<Uint8Array | undefined> {
    const first = await this.some(bytes);
    if (first.length === bytes) return first;
    if (first.length === 0) return undefined;
    const whole = new Uint8Array(bytes);
    whole.set(first);
    for (let filled = first.length; filled < bytes; ) {
      const piece = await this.some(bytes - filled);
      if (piece.length === 0) throw brokenTar('ends in the middle of an entry');
      whole.set(piece, filled);
      filled += piece.length;
    }
    return whole;
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(textField(bytes));
  } catch (error) {
    throw new AppError('CONFIG', 'the archive has a name that is not UTF-8', { hint: 'rename the file', cause: error });
  }
}

function headerOf(block: Uint8Array, extended: ReadonlyMap<string, string>, flag: string): TarHeader {
  const isPosix = decode(block.subarray(257, 263)) === 'ustar';
  const prefix = isPosix ? decode(block.subarray(345, 500)) : '';
  const name = extended.get('path') ?? `${prefix === '' ? '' : `${prefix}/`}${decode(block.subarray(0, 100))}`;
  const path = name.replace(/^(?:\.\/+)+/, '').replace(/\/+$/, '');
  const type = name.endsWith('/') && flag !== '2' ? 'folder' : TYPE_OF_FLAG[flag];
  if (type === undefined) {
    const hint = 'only files, folders and symbolic links can be sent';
    throw new AppError('CONFIG', `the archive has an entry of an unknown kind: ${path}`, { hint });
  }
  const size = extended.has('size') ? Number(extended.get('size')) : numberField(block, 124, 136);
  if (!Number.isSafeInteger(size) || size < 0) throw brokenTar('has a broken header');
  return {
    path,
    type,
    executable: (numberField(block, 100, 108) & 0o111) !== 0,
    sizeBytes: type === 'file' ? size : 0,
    linkTarget: type === 'symlink' ? (extended.get('linkpath') ?? decode(block.subarray(157, 257))) : '',
    modifiedS: numberField(block, 136, 148),
  };
}

async function* contentOf(source: ByteSource, left: { bytes: number }): AsyncGenerator<Uint8Array> {
  while (left.bytes > 0) {
    const piece = await source.some(left.bytes);
    if (piece.length === 0) throw brokenTar('ends in the middle of an entry');
    left.bytes -= piece.length;
    yield piece;
  }
}

async function extendedBody(source: ByteSource, block: Uint8Array): Promise<Uint8Array> {
  const sizeBytes = numberField(block, 124, 136);
  if (sizeBytes > MAX_EXTENDED_BYTES) throw brokenTar('has a header that is too long');
  const body = sizeBytes === 0 ? new Uint8Array() : await source.exactly(sizeBytes + tarPadding(sizeBytes));
  if (body === undefined) throw brokenTar('ends in the middle of an entry');
  return body.subarray(0, sizeBytes);
}

/** Takes one header block's extension in, or tells that the block is an entry of its own. */
async function extend(
  source: ByteSource,
  block: Uint8Array,
  extended: Map<string, string>,
): Promise<'extended' | 'an entry'> {
  const flag = String.fromCharCode(block[156] ?? 0);
  if (!'xgLK'.includes(flag)) return 'an entry';
  const body = await extendedBody(source, block);
  if (flag === 'x') for (const [key, value] of paxRecords(body)) extended.set(key, decode(value));
  if (flag === 'L') extended.set('path', decode(body));
  if (flag === 'K') extended.set('linkpath', decode(body));
  return 'extended';
}

async function* entriesOf(source: ByteSource): AsyncGenerator<TarEntry> {
  let extended = new Map<string, string>();
  for (;;) {
    const block = await source.exactly(TAR_BLOCK_BYTES);
    if (block === undefined) throw brokenTar('ends without its end mark');
    if (block.every((byte) => byte === 0)) return;
    verifyCheckSum(block);
    if ((await extend(source, block, extended)) === 'extended') continue;
    const header = headerOf(block, extended, String.fromCharCode(block[156] ?? 0));
    const left = { bytes: header.sizeBytes };
    extended = new Map();
    yield { ...header, content: contentOf(source, left) };
    while (left.bytes > 0) for await (const _skipped of contentOf(source, left)) break; // what the reader left
    const padding = tarPadding(header.sizeBytes);
    if (padding > 0) await source.exactly(padding);
  }
}

/**
 * Reads a tar stream (ustar, pax, GNU long names) entry by entry, without keeping content in memory. Throws `AppError`
 * (CONFIG) for a damaged archive and for hard links, devices and the like. Whether paths are safe is not judged here.
 * The stream is left open behind the archive's end mark, and closed when reading stops before it.
 */
export async function* readTar(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const iterator = chunks[Symbol.asyncIterator]();
  let ended = false;
  try {
    yield* entriesOf(new ByteSource(iterator));
    ended = true;
  } finally {
    if (!ended) await iterator.return?.();
  }
}
