import { downloadHandler } from '../../rpc/download.ts';
import { ByteStream, type WriteRequest } from '../../rpc/gen/google_bytestream_pb.ts';
import { PACE_BYTES } from '../../rpc/paced.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import { type MethodHandler, uploadHandler } from '../../rpc/server.ts';
import { type ContentDeps, checkRuns, scopesOf } from './cache-service.ts';
import { streamEntries } from './stream-entries.ts';

/** The data of a write, checked to be without gaps, until its sender says that it is complete. */
async function* written(first: WriteRequest, entries: AsyncIterator<WriteRequest>): AsyncGenerator<Uint8Array> {
  let offset = 0n;
  for (let request = first; ; ) {
    if (request.writeOffset !== offset) {
      throw new RpcError('INVALID_ARGUMENT', `byte ${offset} was expected, byte ${request.writeOffset} has come`);
    }
    if (request.resourceName !== '' && request.resourceName !== first.resourceName) {
      throw new RpcError('INVALID_ARGUMENT', 'a write has one name');
    }
    offset += BigInt(request.data.length);
    if (request.data.length > 0) yield request.data;
    if (request.finishWrite) return;
    const next = await entries.next();
    if (next.done === true) throw new RpcError('CANCELLED', 'the write ended before it was complete');
    request = next.value;
  }
}

/**
 * `google.bytestream.ByteStream` for agents that reach the hub by gRPC alone: the name of a resource is the cache key,
 * and the agent's own headers say whose it is (wire protocol, section 3.3).
 */
export function byteStreamService({ desk, caches, auth }: ContentDeps): MethodHandler[] {
  const { store, blobs, limits } = desk.deps;
  return [
    downloadHandler(ByteStream.method.read, async function* ({ resourceName, readOffset, readLimit }, { headers }) {
      const task = await auth.task(headers);
      const found = await caches.open(await scopesOf(store, task), resourceName);
      if (found === undefined) throw new RpcError('NOT_FOUND', 'no such cache');
      const from = Number(readOffset);
      if (from < 0 || from > found.size) throw new RpcError('OUT_OF_RANGE', `the cache has ${found.size} bytes`);
      const to = readLimit > 0n ? Math.min(found.size, from + Number(readLimit)) : found.size;
      if (to === from) return;
      for await (const chunk of blobs.read(found.object, { from, to })) {
        for (let start = 0; start < chunk.length; start += PACE_BYTES) {
          yield { data: chunk.subarray(start, start + PACE_BYTES) };
        }
      }
    }),
    uploadHandler(ByteStream.method.write, async (messages, { headers, signal }) => {
      const task = await auth.task(headers);
      checkRuns(task);
      const entries = streamEntries(messages, signal);
      const first = await entries.next();
      if (first.done === true) throw new RpcError('INVALID_ARGUMENT', 'the write is empty');
      const object = desk.newName();
      const scopes = await scopesOf(store, task);
      await caches.promise(task.id, scopes, first.value.resourceName, { kind: 'cache', object, remoteId: null });
      const stored = await desk.receive(object, written(first.value, entries), limits.cacheBytes, signal);
      await caches.commit(object, stored);
      return { committedSize: BigInt(stored.size) };
    }),
  ];
}
