import { nameOfBytes } from '../../../lib/raw-name.ts';
import { brokenTar, numberField, textField, verifyCheckSum } from '../../../lib/tar-fields.ts';
import { TAR_BLOCK_BYTES, tarPadding } from '../../../lib/tar-format.ts';
import { type ArchiveEntry, type EntryKind, storedBytes } from './entry.ts';
import { type Extension, noExtension, takePax } from './extension.ts';
import { checkedRuns, SparseMapReader } from './sparse-map.ts';

/** Takes what a parser finds; `data` comes in order, for files only. */
export interface EntrySink {
  entry(entry: ArchiveEntry): void;
  data(piece: Uint8Array): void;
  end(): void;
  /** An entry of a kind that no cache can bring back: a device, a pipe. */
  special(path: string, flag: string): void;
}

/** Extended headers hold names and maps: more than this is an attack. */
const MAX_EXTENDED_BYTES = 4 << 20;

const KIND_OF_FLAG: Readonly<Record<string, EntryKind>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '5': 'folder',
};

type State = 'header' | 'extended' | 'old map' | 'map' | 'content' | 'padding' | 'over';

function oldNumbers(block: Uint8Array, at: number, count: number): number[] {
  const numbers: number[] = [];
  for (let index = at; index < at + count * 24; index += 12) {
    if (block[index] === 0) break;
    numbers.push(numberField(block, index, index + 12));
  }
  return numbers;
}

/**
 * Reads a tar stream (ustar, pax, GNU long names, all four sparse formats) as its pieces come in, without waiting:
 * each piece is handed on before `push` returns. Throws `AppError` for a damaged archive. Paths are not judged here.
 */
export class TarParser {
  #state: State = 'header';
  #block = Buffer.alloc(TAR_BLOCK_BYTES);
  #filled = 0;
  /** Bytes until the end of the content, and those that fill its last block up. */
  #left = 0;
  #paddingBytes = 0;
  #body: Uint8Array[] = [];
  #flag = '';
  #extension: Extension = noExtension();
  #entry: ArchiveEntry | undefined;
  #oldRuns: number[] = [];
  #map = new SparseMapReader();

  constructor(private readonly sink: EntrySink) {}

  /** Takes the next piece of the stream; what comes behind the archive's end mark is ignored. */
  push(piece: Uint8Array): void {
    for (let at = 0; at < piece.length && this.#state !== 'over'; ) {
      if (this.#state === 'content' || this.#state === 'extended' || this.#state === 'padding') {
        at += this.#take(piece.subarray(at, at + this.#left));
      } else {
        at += this.#gather(piece, at);
      }
    }
  }

  /** To be called at the end of the stream: throws `AppError` unless the archive was complete. */
  finish(): void {
    if (this.#state !== 'over') throw brokenTar('is cut off');
  }

  /** Collects a whole block, without a copy when the piece has all of it. */
  #gather(piece: Uint8Array, at: number): number {
    if (this.#filled === 0 && piece.length - at >= TAR_BLOCK_BYTES) {
      this.#onBlock(piece.subarray(at, at + TAR_BLOCK_BYTES));
      return TAR_BLOCK_BYTES;
    }
    const part = piece.subarray(at, at + TAR_BLOCK_BYTES - this.#filled);
    this.#block.set(part, this.#filled);
    this.#filled += part.length;
    if (this.#filled === TAR_BLOCK_BYTES) {
      this.#filled = 0;
      this.#onBlock(this.#block);
    }
    return part.length;
  }

  #take(part: Uint8Array): number {
    this.#left -= part.length;
    if (this.#state === 'content' && this.#entry !== undefined) this.sink.data(part);
    if (this.#state === 'extended') this.#body.push(new Uint8Array(part));
    if (this.#left === 0) this.#onEnd();
    return part.length;
  }

  #onEnd(): void {
    if (this.#state === 'extended') this.#extend();
    if (this.#state === 'content' && this.#entry !== undefined) this.sink.end();
    const padding = this.#state === 'padding' ? 0 : this.#paddingBytes;
    this.#left = padding;
    this.#state = padding > 0 ? 'padding' : 'header';
  }

  #onBlock(block: Uint8Array): void {
    if (this.#state === 'old map') this.#oldMap(block);
    else if (this.#state === 'map') this.#newMap(block);
    else this.#header(block);
  }

  #header(block: Uint8Array): void {
    if (block[0] === 0 && block.every((byte) => byte === 0)) {
      this.#state = 'over';
      return;
    }
    verifyCheckSum(block);
    this.#flag = String.fromCharCode(block[156] ?? 0);
    const sizeBytes = this.#extension.sizeBytes ?? numberField(block, 124, 136);
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw brokenTar('has a broken header');
    if ('xgLK'.includes(this.#flag)) this.#beginExtended(numberField(block, 124, 136));
    else this.#begin(block, sizeBytes);
  }

  #beginExtended(sizeBytes: number): void {
    if (sizeBytes > MAX_EXTENDED_BYTES) throw brokenTar('has a header that is too long');
    this.#body = [];
    this.#content(sizeBytes, 'extended');
  }

  #extend(): void {
    const body = Buffer.concat(this.#body);
    this.#body = [];
    if (this.#flag === 'x') this.#extension = takePax(this.#extension, body);
    if (this.#flag === 'L') this.#extension.path = nameOfBytes(textField(body));
    if (this.#flag === 'K') this.#extension.linkTarget = nameOfBytes(textField(body));
  }

  #content(bytes: number, state: 'content' | 'extended'): void {
    this.#left = bytes;
    this.#paddingBytes = tarPadding(bytes);
    this.#state = state;
    if (bytes === 0) this.#onEnd();
  }

  #begin(block: Uint8Array, sizeBytes: number): void {
    const extension = this.#extension;
    this.#extension = noExtension();
    const entry = this.#entryOf(block, extension, sizeBytes);
    if (entry === undefined) {
      this.#entry = undefined;
      this.#content('346'.includes(this.#flag) ? 0 : sizeBytes, 'content');
      return;
    }
    this.#entry = entry;
    if (this.#flag === 'S') {
      this.#beginOldSparse(block, sizeBytes);
    } else if (extension.sparse?.tag === 'in content') {
      this.#beginMap(sizeBytes);
    } else if (extension.sparse?.tag === 'in header') {
      this.#endMap(checkedRuns(extension.sparse.numbers, entry.sizeBytes), sizeBytes);
    } else {
      this.#announce(entry.kind === 'file' ? sizeBytes : 0);
    }
  }

  #entryOf(block: Uint8Array, extension: Extension, stored: number): ArchiveEntry | undefined {
    const text = (from: number, to: number) => nameOfBytes(textField(block.subarray(from, to)));
    const prefix = block[262] === 0 && text(257, 262) === 'ustar' ? text(345, 500) : '';
    const path = extension.path ?? `${prefix === '' ? '' : `${prefix}/`}${text(0, 100)}`;
    const flagKind = KIND_OF_FLAG[this.#flag];
    const kind = flagKind === 'file' && path.endsWith('/') ? 'folder' : flagKind;
    if (kind === undefined) {
      this.sink.special(path, this.#flag);
      return undefined;
    }
    const isLink = kind === 'symlink' || kind === 'hardlink';
    return {
      path,
      kind,
      mode: numberField(block, 100, 108) & 0o7777,
      uid: extension.uid ?? numberField(block, 108, 116),
      gid: extension.gid ?? numberField(block, 116, 124),
      modifiedS: extension.modifiedS ?? numberField(block, 136, 148),
      sizeBytes: kind === 'file' ? (extension.realSizeBytes ?? stored) : 0,
      linkTarget: isLink ? (extension.linkTarget ?? text(157, 257)) : '',
    };
  }

  #beginOldSparse(block: Uint8Array, stored: number): void {
    this.#oldRuns = oldNumbers(block, 386, 4);
    this.#left = stored;
    if (this.#entry !== undefined) this.#entry = { ...this.#entry, sizeBytes: numberField(block, 483, 495) };
    if (block[482] !== 0) this.#state = 'old map';
    else this.#endMap(checkedRuns(this.#oldRuns, this.#entry?.sizeBytes ?? 0), stored);
  }

  #oldMap(block: Uint8Array): void {
    this.#oldRuns.push(...oldNumbers(block, 0, 21));
    const runs = checkedRuns(this.#oldRuns, this.#entry?.sizeBytes ?? 0); // bounds their number, too
    if (block[504] === 0) this.#endMap(runs, this.#left);
  }

  #beginMap(stored: number): void {
    this.#map = new SparseMapReader();
    this.#left = stored;
    this.#state = 'map';
  }

  #newMap(block: Uint8Array): void {
    if (this.#left < TAR_BLOCK_BYTES) throw brokenTar('has a broken map of a sparse file');
    this.#left -= TAR_BLOCK_BYTES;
    if (this.#map.take(block)) this.#endMap(this.#map.runs(this.#entry?.sizeBytes ?? 0), this.#left);
  }

  #endMap(runs: NonNullable<ArchiveEntry['runs']>, stored: number): void {
    if (this.#entry !== undefined) this.#entry = { ...this.#entry, runs };
    this.#announce(stored);
  }

  #announce(stored: number): void {
    const entry = this.#entry;
    if (entry === undefined) return;
    if (entry.kind === 'file' && storedBytes(entry) !== stored) throw brokenTar('has a broken map of a sparse file');
    this.sink.entry(entry);
    this.#content(stored, 'content');
  }
}
