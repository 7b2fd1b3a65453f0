/** Exit codes that the command line promises. `status` has its own table for 0 to 4. */
export const EXIT = {
  ok: 0,
  jobFailed: 1,
  usage: 64,
  unavailable: 69,
  internal: 70,
  temporary: 75,
  noPermission: 77,
  configuration: 78,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Where a problem stands: a file with 1-based line and column, or a flag, task, command, address. */
export interface Place {
  readonly file?: string | undefined;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
}

interface AppErrorOptions {
  /** What to do next, as one short sentence without a full stop. */
  readonly hint?: string | undefined;
  readonly place?: Place | undefined;
  readonly cause?: unknown;
  /** Further problems of the same input, so that all of them are told in one go. */
  readonly others?: readonly AppError[];
}

const EXIT_OF_CODE = {
  USAGE: EXIT.usage,
  CONFIG: EXIT.configuration,
  UNAVAILABLE: EXIT.unavailable,
  JOB_FAILED: EXIT.jobFailed,
  NO_PERMISSION: EXIT.noPermission,
  TEMPORARY: EXIT.temporary,
} as const;

/** Stable names of what went wrong; also the `errorCode` field of log lines. */
export type ErrorCode = keyof typeof EXIT_OF_CODE;

/** An error meant for people: what happened, where, and what to do. Anything else that is thrown is our bug (exit 70). */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly hint: string | undefined;
  readonly place: Place | undefined;
  readonly others: readonly AppError[];

  constructor(
    readonly code: ErrorCode,
    message: string,
    options: AppErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.hint = options.hint;
    this.place = options.place;
    this.others = options.others ?? [];
  }

  get exitCode(): ExitCode {
    return EXIT_OF_CODE[this.code];
  }
}

/** `file:line:column: `, as much of it as is known; the empty string for no place. */
export function formatPlace(place: Place | undefined): string {
  if (place?.file === undefined) return '';
  const parts = [place.file, place.line, place.line === undefined ? undefined : place.column];
  return `${parts.filter((part) => part !== undefined).join(':')}: `;
}

/** For the terminal: place, what happened, remedy, on one line for each problem. Works for any thrown value. */
export function describeError(error: unknown): string {
  if (!(error instanceof AppError)) return error instanceof Error ? error.message : String(error);
  const own = `${formatPlace(error.place)}${error.message}${error.hint === undefined ? '' : `; ${error.hint}`}`;
  return [own, ...error.others.map(describeError)].join('\n');
}

/** One error out of many (at least one): the first speaks, the rest follow it. */
export function joinErrors([first, ...others]: readonly [AppError, ...AppError[]]): AppError {
  const { hint, place, cause } = first;
  return new AppError(first.code, first.message, { hint, place, cause, others });
}
