import { AppError, describeError, type ErrorCode } from '../../lib/errors.ts';
import { errnoOf } from '../../platform/files.ts';
import { TreeTooLargeError } from '../source/tree-folder.ts';

/** An error with the status that HTTP has for it. */
export class HttpError extends AppError {
  constructor(
    readonly status: 400 | 401 | 403 | 404 | 405 | 408 | 409 | 413 | 422 | 429,
    message: string,
    hint?: string,
  ) {
    super(status === 401 || status === 403 ? 'NO_PERMISSION' : 'CONFIG', message, { hint });
  }
}

const STATUS_OF_CODE: Readonly<Record<ErrorCode, number>> = {
  USAGE: 400,
  CONFIG: 400,
  NO_PERMISSION: 403,
  JOB_FAILED: 409,
  TEMPORARY: 503,
  UNAVAILABLE: 503,
};

/** Body of every answer that is not a success. */
export interface ErrorBody {
  readonly error: { readonly message: string; readonly hint?: string | undefined };
}

export interface ErrorAnswer {
  readonly status: number;
  readonly body: ErrorBody;
  /** True when the fault is ours and nobody but the log must see what it was. */
  readonly isBug: boolean;
}

/** Errors of the system that are about the machine and not about us: room on its disk, memory, open files. */
const SCARCE: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk of the hub is full',
  EDQUOT: 'the disk quota of the hub is used up',
  EMFILE: 'the hub has too many files open',
  ENFILE: 'the machine of the hub has too many files open',
};

/** What a client is told about an error. */
export function answerTo(error: unknown): ErrorAnswer {
  const scarce = SCARCE[errnoOf(error) ?? ''];
  if (scarce !== undefined) {
    const hint = 'nothing was stored of this; try again when there is room';
    return { status: 503, body: { error: { message: scarce, hint } }, isBug: false };
  }
  if (!(error instanceof AppError)) {
    const hint = 'the log of the hub says more';
    return { status: 500, body: { error: { message: 'the hub failed to answer', hint } }, isBug: true };
  }
  const ownStatus = error instanceof HttpError ? error.status : undefined;
  const status = ownStatus ?? (error instanceof TreeTooLargeError ? 413 : STATUS_OF_CODE[error.code]);
  const message = [error.message, ...error.others.map(describeError)].join('\n');
  return { status, body: { error: { message, hint: error.hint } }, isBug: false };
}
