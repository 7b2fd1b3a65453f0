import type { status } from '@grpc/grpc-js';

/** gRPC status names, such as `PERMISSION_DENIED`. */
export type RpcStatus = keyof typeof status;

/** A call that failed, on either side of the wire: handlers throw it, clients get it. `message` is for people. */
export class RpcError extends Error {
  override readonly name = 'RpcError';

  constructor(
    readonly status: RpcStatus,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What a caller does about a failed call. */
export type Retry = 'backoff' | 'register-again' | 'never';

const RETRY: Partial<Record<RpcStatus, Retry>> = {
  UNAUTHENTICATED: 'register-again',
  PERMISSION_DENIED: 'register-again',
  NOT_FOUND: 'register-again',
  INVALID_ARGUMENT: 'never',
  FAILED_PRECONDITION: 'never',
  UNIMPLEMENTED: 'never',
  OUT_OF_RANGE: 'never',
};

/** Anything that is not known to be permanent is tried again. */
export function retryOf(error: unknown): Retry {
  return (error instanceof RpcError ? RETRY[error.status] : undefined) ?? 'backoff';
}
