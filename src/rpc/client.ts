import type { DescMessage, DescMethodUnary, DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { systemClock } from '../platform/clock.ts';
import { abortWith, pathOf, toMetadata, toRpcError } from './call-parts.ts';
import { type DownloadMethod, openDownload } from './download.ts';
import type { Endpoint } from './endpoint.ts';
import type { Headers } from './metadata.ts';
import { RpcError } from './rpc-error.ts';
import { clientSecurity } from './tls.ts';

/** A method whose request is a stream and whose answer is one message. */
export interface UploadMethod<Input extends DescMessage, Output extends DescMessage> {
  readonly methodKind: 'client_streaming';
  readonly name: string;
  readonly parent: DescService;
  readonly input: Input;
  readonly output: Output;
}

/** An open client stream. */
export interface Upload<Input extends DescMessage, Output extends DescMessage> {
  /** Resolves when there is room for more; rejects with an `RpcError` when the stream is broken. */
  write(message: MessageInitShape<Input>): Promise<void>;
  /** Ends the stream and resolves with the answer; rejects with an `RpcError`. */
  finish(): Promise<MessageShape<Output>>;
}

export interface RpcClient {
  /** One request, one answer. Rejects with an `RpcError`; on abort with status CANCELLED. */
  unary<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    request: MessageInitShape<Input>,
    call: { readonly headers: Headers; readonly timeoutMs: number },
    signal: AbortSignal,
  ): Promise<MessageShape<Output>>;
  /** Opens a client stream without deadline, bounded by `signal` alone. */
  upload<Input extends DescMessage, Output extends DescMessage>(
    method: UploadMethod<Input, Output>,
    headers: Headers,
    signal: AbortSignal,
  ): Upload<Input, Output>;
  /** Asks for a stream of answers. The iteration rejects with an `RpcError`; leaving it ends the call. */
  download<Input extends DescMessage, Output extends DescMessage>(
    method: DownloadMethod<Input, Output>,
    request: MessageInitShape<Input>,
    headers: Headers,
    signal: AbortSignal,
  ): AsyncIterable<MessageShape<Output>>;
  close(): void;
}

/**
 * Longest time that one message may wait for room, and that the answer may take after the last. Besides servers that
 * hang, this ends streams that stall because the HTTP/2 client of this runtime does not apply a window size that the
 * server changes while a stream is open (servers of Go do, as they measure the line); a new stream has the right one.
 */
const STALLED_WRITE_MS = 20_000;
const STALLED_ANSWER_MS = 60_000;

/** Largest answer that is taken: well over the 4 MiB that peers with default limits send. */
const MAX_RECEIVE_BYTES = 64 * 1024 * 1024;

function openUpload<Input extends DescMessage, Output extends DescMessage>(
  client: grpc.Client,
  method: UploadMethod<Input, Output>,
  headers: Headers,
  signal: AbortSignal,
): Upload<Input, Output> {
  const answer = Promise.withResolvers<MessageShape<Output>>();
  answer.promise.catch(() => {}); // a writer that never finishes learns of the error from its next write
  const stream = client.makeClientStreamRequest(
    pathOf(method),
    (message: MessageShape<Input>) => Buffer.from(toBinary(method.input, message)),
    (bytes) => fromBinary(method.output, bytes),
    toMetadata(headers),
    {},
    (error, value) => {
      release();
      if (error) answer.reject(toRpcError(error));
      else answer.resolve(value as MessageShape<Output>);
    },
  );
  const release = abortWith(signal, stream);
  stream.on('error', () => {}); // the callback above has it
  const broken = answer.promise.then(() => {
    throw new RpcError('ABORTED', 'the server ended the stream early');
  });
  broken.catch(() => {});
  const within = <T>(ms: number, step: Promise<T>): Promise<T> => {
    const cancel = systemClock.after(ms, () => {
      answer.reject(new RpcError('UNAVAILABLE', `the stream has stalled for ${ms / 1_000} s`));
      stream.cancel();
    });
    return step.finally(cancel);
  };
  return {
    write(message) {
      const written = new Promise<void>((resolve) => stream.write(create(method.input, message), () => resolve()));
      return within(STALLED_WRITE_MS, Promise.race([written, broken]));
    },
    finish() {
      stream.end();
      return within(STALLED_ANSWER_MS, answer.promise);
    },
  };
}

/** A lazily connected channel to `endpoint`, trusting `roots` (PEM): making it never touches the network. */
export function connect(endpoint: Endpoint, roots: readonly string[]): RpcClient {
  grpc.setLogVerbosity(grpc.logVerbosity.NONE); // the library prints to stderr what we report in our own words
  const { credentials, options } = clientSecurity(endpoint, roots);
  const client = new grpc.Client(endpoint.target, credentials, {
    ...options,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 20_000,
    'grpc.keepalive_permit_without_calls': 0,
    'grpc.max_receive_message_length': MAX_RECEIVE_BYTES,
    'grpc.max_send_message_length': -1,
    'grpc.initial_reconnect_backoff_ms': 200,
    'grpc.max_reconnect_backoff_ms': 5_000,
    'grpc.enable_retries': 0,
    'grpc.use_local_subchannel_pool': 1,
  });
  return {
    unary: (method, request, { headers, timeoutMs }, signal) =>
      new Promise((resolve, reject) => {
        const call = client.makeUnaryRequest(
          pathOf(method),
          (message: MessageShape<typeof method.input>) => Buffer.from(toBinary(method.input, message)),
          (bytes) => fromBinary(method.output, bytes),
          create(method.input, request),
          toMetadata(headers),
          { deadline: systemClock.wallMs() + timeoutMs },
          (error, value) => {
            release();
            if (error) reject(toRpcError(error));
            else resolve(value as MessageShape<typeof method.output>);
          },
        );
        const release = abortWith(signal, call);
      }),
    upload: (method, headers, signal) => openUpload(client, method, headers, signal),
    download: (method, request, headers, signal) => openDownload(client, method, request, headers, signal),
    close: () => client.close(),
  };
}
