import type { SecretSet } from './secret-set.ts';

/** What stands in the place of a secret; a fact of the protocol. */
export const MASK = 'HIDDEN-BY-CIRRUS-CI';

const MASK_BYTES = new TextEncoder().encode(MASK);

type Match = 'none' | 'undecided' | number;

/** Length of the longest secret at `at`; `undecided` while a longer one may follow in bytes that are not here yet. */
function matchAt(data: Uint8Array, at: number, patterns: readonly Uint8Array[], isLast: boolean): Match {
  for (const pattern of patterns) {
    const here = Math.min(pattern.length, data.length - at);
    let same = 1; // the index was asked for the first byte
    while (same < here && data[at + same] === pattern[same]) same += 1;
    if (same < here) continue;
    if (here === pattern.length) return here;
    if (!isLast) return 'undecided';
  }
  return 'none';
}

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
    if (index.length === 0 && this.#hidden === 0) {
      this.#rest = new Uint8Array();
      return data;
    }
    const shown: Uint8Array[] = [];
    let clear = this.#hidden; // where the bytes start that are not shown yet and not hidden either
    let at = 0;
    for (; at < data.length; at += 1) {
      if (at === this.#hidden && this.#hidden > 0) {
        shown.push(MASK_BYTES);
        this.#hidden = 0;
        clear = at;
      }
      const patterns = index[data[at] ?? 0];
      const match = patterns === undefined ? 'none' : matchAt(data, at, patterns, isLast);
      if (match === 'undecided') break;
      if (match === 'none') continue;
      if (this.#hidden === 0) shown.push(data.subarray(clear, at));
      this.#hidden = Math.max(this.#hidden, at + match);
    }
    if (this.#hidden === 0) shown.push(data.subarray(clear, at));
    else if (this.#hidden === at) shown.push(MASK_BYTES);
    this.#hidden = Math.max(0, this.#hidden - at);
    this.#rest = isLast ? new Uint8Array() : data.slice(at);
    return Buffer.concat(shown);
  }
}
