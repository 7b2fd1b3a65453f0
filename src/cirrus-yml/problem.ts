/** Something wrong in a `.cirrus.yml`, with the place where it was written (1-based). */
export interface Problem {
  readonly severity: 'error' | 'warning';
  readonly line: number;
  readonly column: number;
  /** One sentence without a full stop: what is wrong. */
  readonly message: string;
  /** What to do about it, or undefined. */
  readonly hint?: string | undefined;
}
