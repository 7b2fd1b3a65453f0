import * as grpc from '@grpc/grpc-js';
import type { Clock } from '../platform/clock.ts';

/** How long a caller may take until its request, or the first message of its stream, is there. */
export const REQUEST_MS = 60_000;

/**
 * Ends calls whose request does not come: a caller without a deadline that sends a byte now and then, or none, would hold
 * a call open for ever. Streams may be quiet for as long as they like after their first message.
 */
export function impatient(clock: Pick<Clock, 'after'>, requestMs = REQUEST_MS): grpc.ServerInterceptor {
  return (_method, call) => {
    let cancel = () => {};
    const listener = new grpc.ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        cancel = clock.after(requestMs, () => {
          const details = `the request did not come within ${requestMs / 1_000} s`;
          intercepted.sendStatus({ code: grpc.status.DEADLINE_EXCEEDED, details, metadata: null });
        });
        next(metadata);
      })
      .withOnReceiveMessage((message, next) => {
        cancel();
        next(message);
      })
      .withOnReceiveHalfClose((next) => {
        cancel();
        next();
      })
      .withOnCancel(() => cancel())
      .build();
    const responder = new grpc.ResponderBuilder().withStart((next) => next(listener)).build();
    const intercepted = new grpc.ServerInterceptingCall(call, responder);
    return intercepted;
  };
}
