import type { DescService } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { explainFailure } from './explain-failure.ts';
import type { Headers } from './metadata.ts';
import { RpcError, type RpcStatus } from './rpc-error.ts';

/** What HTTP/2 and the library take; anything else could come from a server, as a session token. */
const HEADER_VALUE = /^[\x20-\x7e]*$/;

export function toMetadata(headers: Headers): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(headers)) {
    if (!HEADER_VALUE.test(value)) throw new RpcError('INTERNAL', `the value of the header ${name} cannot be sent`);
    metadata.set(name, value);
  }
  return metadata;
}

export function toRpcError(error: grpc.ServiceError): RpcError {
  const status = (grpc.status[error.code] ?? 'UNKNOWN') as RpcStatus;
  return new RpcError(status, explainFailure(error.details || error.message), { cause: error });
}

export function pathOf(method: { readonly parent: DescService; readonly name: string }): string {
  return `/${method.parent.typeName}/${method.name}`;
}

export function abortWith(signal: AbortSignal, call: { cancel(): void }): () => void {
  const cancel = () => call.cancel();
  if (signal.aborted) cancel();
  signal.addEventListener('abort', cancel, { once: true });
  return () => signal.removeEventListener('abort', cancel);
}
