import type { SecretSet } from './secret-set.ts';

/** What stands in the place of a secret; a fact of the protocol. */
export const MASK = 'HIDDEN-BY-CIRRUS-CI';

const MASK_BYTES = new TextEncoder().encode(MASK);

/** `text` with all secrets hidden. */
export function maskText(text: string, secrets: SecretSet): string {
  const masker = new Masker(secrets);
  return Buffer.concat([masker.push(new TextEncoder().encode(text)), masker.flush()]).toString('utf8');
}

function concat(left: Uint8Array, right: Uint8Array): Uint8Array {
  if (left.length === 0) return right;
  const whole = new Uint8Array(left.length + right.length);
  whole.set(left);
  whole.set(right, left.length);
  return whole;
}

/**
 * Hides secrets in a stream of bytes, also those that come split over several chunks. Overlapping secrets are hidden as
 * one. The result does not depend on how the stream is cut; only bytes that may be the beginning of a secret are held
 * back until the next chunk or the end.
 */
export class Masker {
  #rest: Uint8Array = new Uint8Array();
  /** Bytes at the start of `#rest` that belong to a secret whose mask was not written yet. */
  #hidden = 0;

  constructor(private readonly secrets: SecretSet) {}

  /** Takes the next bytes and gives what can be shown now. */
  push(chunk: Uint8Array): Uint8Array {
    return this.#run(concat(this.#rest, chunk), false);
  }

  /** Gives what was held back. The stream ends here. */
  flush(): Uint8Array {
    return this.#run(this.#rest, true);
  }

  #run(data: Uint8Array, isLast: boolean): Uint8Array {
    const { index } = this.secrets;
    if (index.isEmpty && this.#hidden === 0) {
      this.#rest = new Uint8Array();
      return data;
    }
    const shown: Uint8Array[] = [];
    let clear = this.#hidden; // where the bytes start that are not shown yet and not hidden either
    let at = index.next(data, 0);
    for (; at < data.length; at = index.next(data, at + 1)) {
      if (this.#hidden > 0 && at >= this.#hidden) {
        shown.push(MASK_BYTES);
        clear = this.#hidden;
        this.#hidden = 0;
      }
      const match = index.matchAt(data, at, isLast);
      if (match === 'undecided') break;
      if (match === 'none') continue;
      if (this.#hidden === 0) shown.push(data.subarray(clear, at));
      this.#hidden = Math.max(this.#hidden, at + match);
    }
    at = Math.min(at, data.length);
    if (this.#hidden > 0 && at >= this.#hidden) {
      shown.push(MASK_BYTES);
      clear = this.#hidden;
      this.#hidden = 0;
    }
    if (this.#hidden === 0) shown.push(data.subarray(clear, at));
    this.#hidden = Math.max(0, this.#hidden - at);
    this.#rest = isLast ? new Uint8Array() : data.slice(at);
    return shown.length === 1 && shown[0] !== undefined ? shown[0] : Buffer.concat(shown);
  }
}
