/** A 1-based place in the file. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

/** Something wrong in a `.cirrus.yml`, with the place where it was written (1-based). */
export interface Problem {
  readonly severity: 'error' | 'warning';
  readonly line: number;
  readonly column: number;
  /** One sentence without a full stop: what is wrong. */
  readonly message: string;
  /** What to do about it, or undefined. */
  readonly hint?: string | undefined;
  /**
   * `unknown-key`: nothing reads the key; old files rely on its being harmless, a strict check does not. `encrypted`: the
   * hosted service had the key to the value, and a hub may have been given the value itself.
   */
  readonly kind?: 'unknown-key' | 'encrypted' | undefined;
  /** Aliases through which the written text came where it is wrong; the first few of them. */
  readonly used?: readonly TextPlace[] | undefined;
}
