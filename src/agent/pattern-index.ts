/** Length of the longest pattern at a place; `undecided` while a longer one may follow in bytes that are not here yet. */
export type Match = 'none' | 'undecided' | number;

/** Largest jump of a search; a byte holds it. */
const MAX_WINDOW = 255;

/**
 * Byte strings to look for, all at once, after Wu and Manber: two bytes at the end of a window as long as the shortest
 * pattern tell how far the next possible start is away. Patterns of one byte leave nothing to jump over.
 */
export class PatternIndex {
  /** By their first byte, longest first. */
  readonly #byFirst: (Uint8Array[] | undefined)[] = [];
  readonly #window: number;
  readonly #jumps: Uint8Array | undefined;

  constructor(patterns: readonly Uint8Array[]) {
    for (const pattern of patterns) {
      const first = pattern[0] ?? 0;
      const same = this.#byFirst[first] ?? [];
      this.#byFirst[first] = [...same, pattern];
    }
    for (const same of this.#byFirst) same?.sort((left, right) => right.length - left.length);
    this.#window = Math.min(MAX_WINDOW, ...patterns.map((pattern) => pattern.length));
    if (patterns.length > 0 && this.#window > 1) this.#jumps = this.#jumpsOf(patterns);
  }

  get isEmpty(): boolean {
    return this.#byFirst.length === 0;
  }

  #jumpsOf(patterns: readonly Uint8Array[]): Uint8Array {
    const jumps = new Uint8Array(1 << 16).fill(this.#window - 1);
    for (const pattern of patterns) {
      for (let end = 1; end < this.#window; end += 1) {
        const pair = ((pattern[end - 1] ?? 0) << 8) | (pattern[end] ?? 0);
        jumps[pair] = Math.min(jumps[pair] ?? 0, this.#window - 1 - end);
      }
    }
    return jumps;
  }

  /** The first place from `at` on where a pattern may start; the length of `data` when there is none. */
  next(data: Uint8Array, at: number): number {
    const jumps = this.#jumps;
    let place = at;
    if (jumps !== undefined) {
      const last = this.#window - 1;
      for (let end = place + last; end < data.length; ) {
        const jump = jumps[((data[end - 1] ?? 0) << 8) | (data[end] ?? 0)] ?? 0;
        if (jump === 0) return end - last;
        end += jump;
        place = end - last;
      }
    }
    while (place < data.length && this.#byFirst[data[place] ?? 0] === undefined) place += 1; // the end, and short patterns
    return place;
  }

  /** What starts at `at`. `isLast`: no bytes follow `data`. */
  matchAt(data: Uint8Array, at: number, isLast: boolean): Match {
    for (const pattern of this.#byFirst[data[at] ?? 0] ?? []) {
      const here = Math.min(pattern.length, data.length - at);
      let same = 1; // the index was asked for the first byte
      while (same < here && data[at + same] === pattern[same]) same += 1;
      if (same < here) continue;
      if (here === pattern.length) return here;
      if (!isLast) return 'undecided';
    }
    return 'none';
  }
}
