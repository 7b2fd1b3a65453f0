import { RpcError } from '../../rpc/rpc-error.ts';

/**
 * The messages of a stream, one after the other, as fast as they are asked for. A stream whose sender has gone looks like
 * one that has ended until the library tells, a turn of the event loop later (seen with grpc-js 1.14 under Bun 1.4): a
 * part must not pass for the whole, so the end is believed only then. Throws `RpcError` (CANCELLED).
 */
export function streamEntries<Entry>(messages: AsyncIterable<Entry>, signal: AbortSignal): AsyncIterator<Entry> {
  const entries = messages[Symbol.asyncIterator]();
  return {
    async next() {
      try {
        const next = await entries.next();
        for (let turn = 0; next.done === true && turn < 3; turn += 1) {
          await new Promise<void>((resolve) => setImmediate(resolve));
        }
        if (!signal.aborted) return next;
      } catch (error) {
        throw new RpcError('CANCELLED', 'the sender broke off', { cause: error });
      }
      throw new RpcError('CANCELLED', 'the sender has gone');
    },
  };
}
