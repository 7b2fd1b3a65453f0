import type {
  DescMessage,
  DescMethodUnary,
  DescService,
  Message,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { AppError } from '../lib/errors.ts';
import { systemClock } from '../platform/clock.ts';
import { errnoOf } from '../platform/files.ts';
import type { UploadMethod } from './client.ts';
import { HEADER, type Headers } from './metadata.ts';
import { paced } from './paced.ts';
import { impatient } from './patience.ts';
import { RpcError } from './rpc-error.ts';
import { serviceDefinition } from './service-definition.ts';
import { type ServerCertificate, serverCredentials } from './tls.ts';

export interface CallContext {
  readonly headers: Headers;
  /** Aborts when the caller has gone or its deadline has passed. */
  readonly signal: AbortSignal;
  /** Address of the caller, for logs. */
  readonly peer: string;
}

/** Adds one method to a gRPC server; made by `unaryHandler` and `uploadHandler`. */
export interface MethodHandler {
  readonly service: DescService;
  readonly name: string;
  readonly attach: (onBug: RpcServerOptions['onBug']) => grpc.UntypedHandleCall;
}

export interface RpcServerOptions {
  /** `host:port` (port 0 picks a free one) or `unix:/path`. */
  readonly listen: string;
  readonly certificate?: ServerCertificate | undefined;
  /** How long a caller may take to send its request, in milliseconds; a minute by default. */
  readonly requestMs?: number | undefined;
  /** Methods that are not here answer UNIMPLEMENTED. */
  readonly handlers: readonly MethodHandler[];
  /**
   * Hears of handlers that threw something other than an `RpcError`: a fault of ours, answered with INTERNAL, or with
   * UNAVAILABLE where the error says that what was asked for may be asked for again.
   */
  readonly onBug: (method: string, error: unknown) => void;
}

export interface RpcServer {
  readonly port: number;
  /** Stops accepting and waits for running calls; what still runs when `signal` aborts is cut. */
  stop(signal: AbortSignal): Promise<void>;
}

/** Largest request that is taken, after decompression: what all peers of the protocol take (specification, section 1). */
export const MAX_RECEIVE_BYTES = 4 * 1024 * 1024;

/** An agent has a handful of calls open at a time, a worker one. */
const MAX_STREAMS = 256;

interface Call {
  readonly metadata: grpc.Metadata;
  on(event: 'cancelled', listener: () => void): unknown;
  getPeer(): string;
}

/**
 * Of a header that occurs more than once, the first value counts; HTTP/2 has joined them with `, ` by then. A worker may
 * have that in its name, so this one header stays whole.
 */
function firstValue(name: string, text: string): string {
  return name === HEADER.workerName ? text : (text.split(', ')[0] ?? '');
}

/** What a handler learns of its caller. */
export function contextOf(call: Call): CallContext {
  const controller = new AbortController();
  call.on('cancelled', () => controller.abort(new RpcError('CANCELLED', 'the caller has gone')));
  const headers: Record<string, string> = {};
  for (const name of Object.keys(call.metadata.getMap())) {
    headers[name] = firstValue(name, String(call.metadata.get(name)[0]));
  }
  return { headers, signal: controller.signal, peer: call.getPeer() };
}

/** What the caller is told: whether to come back, and nothing of the inside. */
function unexpected(error: unknown): RpcError {
  if (errnoOf(error) === 'ERR_STREAM_PREMATURE_CLOSE') return new RpcError('CANCELLED', 'the caller has gone');
  return error instanceof AppError && error.code === 'UNAVAILABLE'
    ? new RpcError('UNAVAILABLE', 'the server cannot store anything at the moment; try again')
    : new RpcError('INTERNAL', 'internal error, see the log of the server');
}

async function answer(
  name: string,
  run: () => Promise<Message>,
  callback: grpc.sendUnaryData<Message>,
  onBug: RpcServerOptions['onBug'],
) {
  try {
    callback(null, await run());
  } catch (error) {
    const known = error instanceof RpcError ? error : unexpected(error);
    if (!(error instanceof RpcError) && known.status !== 'CANCELLED') onBug(name, error);
    callback({ code: grpc.status[known.status], details: known.message });
  }
}

/** Implements a unary method. `run` throws `RpcError` to refuse. */
export function unaryHandler<Input extends DescMessage, Output extends DescMessage>(
  method: DescMethodUnary<Input, Output>,
  run: (request: MessageShape<Input>, context: CallContext) => Promise<MessageInitShape<Output>>,
): MethodHandler {
  return {
    service: method.parent,
    name: method.name,
    attach: (onBug) => (call: grpc.ServerUnaryCall<Message, Message>, callback: grpc.sendUnaryData<Message>) => {
      const request = call.request as MessageShape<Input>;
      void answer(method.name, async () => create(method.output, await run(request, contextOf(call))), callback, onBug);
    },
  };
}

/** Implements a client-streaming method; reading `messages` slowly slows the sender down. */
export function uploadHandler<Input extends DescMessage, Output extends DescMessage>(
  method: UploadMethod<Input, Output>,
  run: (messages: AsyncIterable<MessageShape<Input>>, context: CallContext) => Promise<MessageInitShape<Output>>,
): MethodHandler {
  return {
    service: method.parent,
    name: method.name,
    attach: (onBug) => (call: grpc.ServerReadableStream<Message, Message>, callback: grpc.sendUnaryData<Message>) => {
      const messages = call as AsyncIterable<MessageShape<Input>>;
      void answer(
        method.name,
        async () => create(method.output, await run(messages, contextOf(call))),
        callback,
        onBug,
      );
    },
  };
}

function attachAll(server: grpc.Server, { handlers, onBug }: RpcServerOptions): void {
  for (const service of new Set(handlers.map((handler) => handler.service))) {
    const own = handlers.filter((handler) => handler.service === service);
    server.addService(
      serviceDefinition(service),
      Object.fromEntries(own.map(({ name, attach }) => [name, attach(onBug)])),
    );
  }
}

function bind(server: grpc.Server, options: RpcServerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(options.listen, serverCredentials(options.certificate), (error, port) => {
      if (error === null) return resolve(port);
      const hint = 'stop what holds it or choose another with --grpc';
      return reject(
        new AppError('UNAVAILABLE', `address ${options.listen} cannot be listened on`, { hint, cause: error }),
      );
    });
  });
}

/** Starts a gRPC server. Rejects with an `AppError`: UNAVAILABLE when the address is taken, CONFIG for a bad certificate. */
export async function startRpcServer(options: RpcServerOptions): Promise<RpcServer> {
  grpc.setLogVerbosity(grpc.logVerbosity.NONE); // the library prints to stderr what we report in our own words
  const server = new grpc.Server({
    'grpc.max_receive_message_length': MAX_RECEIVE_BYTES,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': MAX_STREAMS,
    interceptors: [impatient(systemClock, options.requestMs), paced],
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 20_000,
  });
  attachAll(server, options);
  const port = await bind(server, options);
  return {
    port,
    stop: (signal) =>
      new Promise((resolve) => {
        const cut = () => server.forceShutdown();
        if (signal.aborted) cut();
        signal.addEventListener('abort', cut, { once: true });
        server.tryShutdown(() => {
          signal.removeEventListener('abort', cut);
          resolve();
        });
      }),
  };
}
