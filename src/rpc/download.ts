import type { DescMessage, DescService, Message, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { systemClock } from '../platform/clock.ts';
import { abortWith, pathOf, toMetadata, toRpcError } from './call-parts.ts';
import type { Headers } from './metadata.ts';
import { RpcError } from './rpc-error.ts';
import { type CallContext, contextOf, type MethodHandler } from './server.ts';

/** A method whose request is one message and whose answer is a stream. */
export interface DownloadMethod<Input extends DescMessage, Output extends DescMessage> {
  readonly methodKind: 'server_streaming';
  readonly name: string;
  readonly parent: DescService;
  readonly input: Input;
  readonly output: Output;
}

/** Longest time between two messages of the server. */
const STALLED_READ_MS = 60_000;

/** The client's side: see `RpcClient.download`. A server that says nothing for a minute counts as UNAVAILABLE. */
export async function* openDownload<Input extends DescMessage, Output extends DescMessage>(
  client: grpc.Client,
  method: DownloadMethod<Input, Output>,
  request: MessageInitShape<Input>,
  headers: Headers,
  signal: AbortSignal,
): AsyncGenerator<MessageShape<Output>> {
  const stream = client.makeServerStreamRequest(
    pathOf(method),
    (message: MessageShape<Input>) => Buffer.from(toBinary(method.input, message)),
    (bytes) => fromBinary(method.output, bytes),
    create(method.input, request),
    toMetadata(headers),
  );
  const release = abortWith(signal, stream);
  const messages = stream[Symbol.asyncIterator]() as AsyncIterator<MessageShape<Output>>;
  let stalled = false;
  try {
    for (;;) {
      const cancel = systemClock.after(STALLED_READ_MS, () => {
        stalled = true;
        stream.cancel();
      });
      const next = await messages.next().finally(cancel);
      if (next.done === true) return;
      yield next.value;
    }
  } catch (error) {
    if (stalled) throw new RpcError('UNAVAILABLE', `the server has sent nothing for ${STALLED_READ_MS / 1_000} s`);
    throw error instanceof RpcError ? error : toRpcError(error as grpc.ServiceError);
  } finally {
    release();
    stream.on('error', () => {}); // a call that is cancelled reports so once more
    stream.cancel();
  }
}

type Sink = grpc.ServerWritableStream<Message, Message>;

async function pump(answers: AsyncIterable<Message>, call: Sink, signal: AbortSignal): Promise<void> {
  for await (const answer of answers) {
    if (signal.aborted) return;
    if (call.write(answer)) continue;
    await new Promise<void>((resolve) => {
      call.once('drain', resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
  call.end();
}

/** Implements a server-streaming method; a client that reads slowly slows `run` down. `run` throws `RpcError` to refuse. */
export function downloadHandler<Input extends DescMessage, Output extends DescMessage>(
  method: DownloadMethod<Input, Output>,
  run: (request: MessageShape<Input>, context: CallContext) => AsyncIterable<MessageInitShape<Output>>,
): MethodHandler {
  return {
    service: method.parent,
    name: method.name,
    attach: (onBug) => (call: Sink) => {
      const context = contextOf(call);
      async function* answers() {
        for await (const init of run(call.request as MessageShape<Input>, context)) yield create(method.output, init);
      }
      call.on('error', () => {}); // the client has gone: its signal says so
      pump(answers(), call, context.signal).catch((error: unknown) => {
        if (!(error instanceof RpcError)) onBug(method.name, error);
        const known = error instanceof RpcError ? error : new RpcError('INTERNAL', 'internal error, see the log');
        call.emit('error', { code: grpc.status[known.status], details: known.message });
      });
    },
  };
}
