import { AppError } from '../../../lib/errors.ts';
import { errnoOf } from '../../../platform/files.ts';

/** What went wrong on the way: nothing came for too long, the connection broke, or the store refused. */
export type FailureKind = 'stalled' | 'broken' | 'refused';

/** A transfer that failed in the end. */
export class TransferFailure extends AppError {
  constructor(
    readonly kind: FailureKind,
    what: string,
    hint?: string,
    cause?: unknown,
    /** What the store answered, if it did. */
    readonly status?: number,
  ) {
    super('UNAVAILABLE', what, { hint, cause });
  }
}

const NETWORK_HINT = 'check the network between this worker and the cache store';

const REFUSED_HINT: Readonly<Record<number, string>> = {
  401: 'the address was not accepted; check the clock and the credentials of the cache store',
  403: 'the address has expired or was not accepted; check the clocks of the machines and the cache store',
  413: 'the cache is larger than the store takes',
  507: 'the cache store is full',
};

export function refused(status: number): TransferFailure {
  const hint = REFUSED_HINT[status] ?? (status >= 500 ? 'look into the log of the cache store' : undefined);
  return new TransferFailure('refused', `the cache store answered ${status}`, hint, undefined, status);
}

export function stalled(ms: number): TransferFailure {
  return new TransferFailure('stalled', `nothing moved for ${Math.round(ms / 1_000)} s`, NETWORK_HINT);
}

/** Whatever the runtime threw, as a sentence; our own failures come back as they are. */
export function broken(error: unknown): TransferFailure {
  if (error instanceof TransferFailure) return error;
  const reason = errnoOf(error) ?? (error instanceof Error ? error.message : String(error));
  return new TransferFailure('broken', `the connection broke (${reason})`, NETWORK_HINT, error);
}

/** Whether the same request may succeed a little later. */
export function mayPass({ kind, status }: TransferFailure): boolean {
  return kind !== 'refused' || (status !== undefined && (status >= 500 || status === 408 || status === 429));
}
