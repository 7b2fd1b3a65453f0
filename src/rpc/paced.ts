import * as grpc from '@grpc/grpc-js';

/**
 * Most that goes out before the peer has answered a ping. Clients of Go measure the line by what comes within one round
 * trip; from two thirds of 64 KiB on they widen the windows of open streams by a SETTINGS frame, which the HTTP/2 server
 * of this runtime does not apply to them (Bun 1.4): both sides then wait for ever. Below it they leave the windows alone.
 */
export const PACE_BYTES = 32 * 1024;

/** What of the library's own call is needed; it is not in its types, so nothing is taken for granted. */
interface CallBelow {
  readonly stream?: { readonly session?: { ping?(callback: () => void): boolean } | undefined };
}

/** Lets streams of answers go out message by message, each after the peer has had the one before. */
export const paced: grpc.ServerInterceptor = (method, call) => {
  if (!method.responseStream) return new grpc.ServerInterceptingCall(call);
  const answered = (next: () => void) => {
    const session = (call as unknown as CallBelow).stream?.session;
    if (session?.ping?.(next) !== true) next(); // the connection is going down: the write says so
  };
  let first = true;
  const responder = new grpc.ResponderBuilder()
    .withSendMessage((message, next) => {
      if (!first) return answered(() => next(message));
      first = false;
      next(message);
    })
    .build();
  return new grpc.ServerInterceptingCall(call, responder);
};
