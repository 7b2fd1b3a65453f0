import { describe, expect, test } from 'bun:test';
import { downloadHandler } from '../../src/rpc/download.ts';
import { ByteStream } from '../../src/rpc/gen/google_bytestream_pb.ts';
import { RpcError } from '../../src/rpc/rpc-error.ts';
import { waitFor } from '../support/wait-for.ts';
import { never, startWire } from './fixtures.ts';

const { read } = ByteStream.method;
const PIECE = new Uint8Array(256 * 1024).fill(7);

async function readAll(messages: AsyncIterable<{ data: Uint8Array }>): Promise<number> {
  let bytes = 0;
  for await (const { data } of messages) bytes += data.length;
  return bytes;
}

describe('a stream of answers', () => {
  test('arrives whole, with the headers of the call', async () => {
    const seen: unknown[] = [];
    const serve = downloadHandler(read, async function* ({ resourceName }, { headers }) {
      seen.push([resourceName, headers['x-task']]);
      for (let index = 0; index < 40; index += 1) yield { data: PIECE };
    });
    await using wire = await startWire([serve]);
    const messages = wire.client().download(read, { resourceName: 'a key' }, { 'x-task': '42' }, never);
    expect(await readAll(messages)).toBe(40 * PIECE.length);
    expect(seen).toEqual([['a key', '42']]);
  });

  test('a refusal after some messages comes as an RpcError', async () => {
    const serve = downloadHandler(read, async function* () {
      yield { data: PIECE };
      throw new RpcError('NOT_FOUND', 'no such cache');
    });
    await using wire = await startWire([serve]);
    const reading = readAll(wire.client().download(read, {}, {}, never));
    expect(reading).rejects.toMatchObject({ name: 'RpcError', status: 'NOT_FOUND', message: 'no such cache' });
    await reading.catch(() => {});
  });

  test('a client that leaves ends the work of the server', async () => {
    let ended = false;
    const serve = downloadHandler(read, async function* () {
      try {
        for (;;) yield { data: PIECE };
      } finally {
        ended = true;
      }
    });
    await using wire = await startWire([serve]);
    for await (const { data } of wire.client().download(read, {}, {}, never)) {
      expect(data.length).toBe(PIECE.length);
      break;
    }
    await waitFor('the server stops sending', () => ended);
  });

  test('an abort ends it with CANCELLED', async () => {
    const stop = new AbortController();
    const serve = downloadHandler(read, async function* (_request, { signal }) {
      yield { data: PIECE };
      stop.abort();
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    });
    await using wire = await startWire([serve]);
    const reading = readAll(wire.client().download(read, {}, {}, stop.signal));
    expect(reading).rejects.toMatchObject({ status: 'CANCELLED' });
    await reading.catch(() => {});
  });
});
