import { brokenTar } from '../../../lib/tar-fields.ts';
import { TAR_BLOCK_BYTES, tarPadding } from '../../../lib/tar-format.ts';
import type { DataRun } from './entry.ts';

/** A file with more pieces than this is refused; each costs memory before anything is written. */
export const MAX_RUNS = 100_000;

/** The map of a sparse file as GNU's format 1.0 puts it before the content: decimal lines, filled up to a block. */
export function encodeSparseMap(runs: readonly DataRun[]): Buffer {
  const lines = [runs.length, ...runs.flatMap(({ at, bytes }) => [at, bytes])];
  const text = Buffer.from(`${lines.join('\n')}\n`);
  return Buffer.concat([text, Buffer.alloc(tarPadding(text.length))]);
}

/** Checks that runs are in order and lie within the file, and drops empty ones. Throws `AppError`. */
export function checkedRuns(numbers: readonly number[], sizeBytes: number): DataRun[] {
  if (numbers.length % 2 !== 0 || numbers.length > 2 * MAX_RUNS) throw brokenTar('has a broken map of a sparse file');
  const runs: DataRun[] = [];
  let end = 0;
  for (let index = 0; index < numbers.length; index += 2) {
    const [at = -1, bytes = -1] = [numbers[index], numbers[index + 1]];
    const fits = Number.isSafeInteger(at) && Number.isSafeInteger(bytes) && bytes >= 0 && at >= end;
    if (!fits || at + bytes > sizeBytes) throw brokenTar('has a broken map of a sparse file');
    end = at + bytes;
    if (bytes > 0) runs.push({ at, bytes });
  }
  return runs;
}

/** Reads a map of format 1.0 while its blocks come in. */
export class SparseMapReader {
  readonly #numbers: number[] = [];
  #digits = '';
  #wanted = 1;

  /** Takes one block; true once the map is complete. Throws `AppError`. */
  take(block: Uint8Array): boolean {
    for (let at = 0; at < TAR_BLOCK_BYTES && this.#numbers.length < this.#wanted; at += 1) {
      const byte = block[at] ?? 0;
      if (byte === 0x0a) this.#number();
      else if (byte >= 0x30 && byte <= 0x39 && this.#digits.length < 16) this.#digits += String.fromCharCode(byte);
      else throw brokenTar('has a broken map of a sparse file');
    }
    return this.#numbers.length === this.#wanted;
  }

  runs(sizeBytes: number): DataRun[] {
    return checkedRuns(this.#numbers.slice(1), sizeBytes);
  }

  #number(): void {
    if (this.#digits === '') throw brokenTar('has a broken map of a sparse file');
    const value = Number(this.#digits);
    if (this.#numbers.length === 0) {
      if (value > MAX_RUNS) throw brokenTar('has a broken map of a sparse file');
      this.#wanted = 1 + 2 * value;
    }
    this.#numbers.push(value);
    this.#digits = '';
  }
}
