import type { RpcClient } from '../../../rpc/client.ts';
import { parseEndpoint } from '../../../rpc/endpoint.ts';
import { ByteStream } from '../../../rpc/gen/google_bytestream_pb.ts';
import type { Headers } from '../../../rpc/metadata.ts';
import { RpcError } from '../../../rpc/rpc-error.ts';
import type { Download } from './http-download.ts';
import { TransferFailure } from './transfer-failure.ts';

/** Opens a channel to an endpoint such as `http://host:port` (clear text), `https://host:port` or `unix:/path`. */
export type Dial = (endpoint: string) => RpcClient;

/** Pieces of an upload; a fact of the protocol (specification of the wire, 3.3). */
const PIECE_BYTES = 64 * 1024;

/** Whether an address means ByteStream at a gRPC server: `grpc://`, `grpcs://` or `unix:`. */
export function isByteStream(url: string): boolean {
  return /^(?:grpcs?:\/\/|unix:)/i.test(url);
}

/** The endpoint that such an address names; default ports are 80 and 443. */
export function byteStreamEndpoint(url: string): string {
  return url.replace(/^grpc(s?):\/\//i, 'http$1://').replace(/^(https?:\/\/[^/]+)\/.*$/, '$1');
}

function failureOf(error: unknown): unknown {
  if (!(error instanceof RpcError)) return error;
  const kind = error.status === 'UNAVAILABLE' || error.status === 'DEADLINE_EXCEEDED' ? 'broken' : 'refused';
  return new TransferFailure(kind, `the cache server: ${error.message} (${error.status})`, undefined, error);
}

async function* read(
  client: RpcClient,
  key: string,
  headers: Headers,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    const messages = client.download(ByteStream.method.read, { resourceName: key }, headers, signal);
    for await (const { data } of messages) if (data.length > 0) yield data;
  } catch (error) {
    signal.throwIfAborted();
    throw failureOf(error);
  } finally {
    client.close();
  }
}

/** Fetches an entry over gRPC; undefined when the server has none, which an empty answer means, too. */
export async function downloadByteStream(
  { url, key, headers }: { readonly url: string; readonly key: string; readonly headers: Headers },
  dial: Dial,
  signal: AbortSignal,
): Promise<Download | undefined> {
  parseEndpoint(byteStreamEndpoint(url)); // an address that means nothing is told before a channel is made
  const chunks = read(dial(byteStreamEndpoint(url)), key, headers, signal);
  try {
    const first = await chunks.next();
    if (first.done === true) return undefined;
    async function* whole() {
      yield first.value as Uint8Array;
      yield* chunks;
    }
    return { sizeBytes: undefined, body: whole() };
  } catch (error) {
    const isMissing = error instanceof TransferFailure && error.cause instanceof RpcError;
    if (isMissing && (error.cause as RpcError).status === 'NOT_FOUND') return undefined;
    throw error;
  }
}

/** Stores an entry over gRPC while it is made. Gives its size. Rejects with a `TransferFailure` or what `chunks` throws. */
export async function uploadByteStream(
  { url, key, headers }: { readonly url: string; readonly key: string; readonly headers: Headers },
  chunks: AsyncIterable<Uint8Array>,
  dial: Dial,
  signal: AbortSignal,
): Promise<number> {
  const client = dial(byteStreamEndpoint(url));
  let offset = 0;
  try {
    const upload = client.upload(ByteStream.method.write, headers, signal);
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
        const data = chunk.subarray(at, at + PIECE_BYTES);
        await upload.write({ resourceName: key, writeOffset: BigInt(offset), data });
        offset += data.length;
      }
    }
    await upload.write({ resourceName: key, writeOffset: BigInt(offset), finishWrite: true });
    await upload.finish();
    return offset;
  } catch (error) {
    signal.throwIfAborted();
    throw failureOf(error);
  } finally {
    client.close();
  }
}
