import type { DescService } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import type { Headers } from './metadata.ts';
import { RpcError, type RpcStatus } from './rpc-error.ts';

export function toMetadata(headers: Headers): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}

/** The library wraps the reason why no connection came about in its own words; people need the reason. */
function readable(details: string): string {
  const reason = /Last error: (?:Error: )?(.*?)\.? Resolution note:/.exec(details)?.[1];
  if (reason === undefined) return details;
  if (/altname/i.test(reason)) return `the certificate of the server is for another name (${reason})`;
  const untrusted = /certificate|CERT_|issuer/i.test(reason);
  return untrusted
    ? `the certificate of the server is not trusted (${reason}); set SSL_CERT_FILE to a file with its issuer`
    : `no connection (${reason})`;
}

export function toRpcError(error: grpc.ServiceError): RpcError {
  const status = (grpc.status[error.code] ?? 'UNKNOWN') as RpcStatus;
  return new RpcError(status, readable(error.details || error.message), { cause: error });
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
