import { expect, test } from 'bun:test';
import { streamOf } from '../../src/lib/byte-stream.ts';

const encoder = new TextEncoder();

test('brings all chunks in order', async () => {
  async function* chunks() {
    yield encoder.encode('a');
    yield encoder.encode('bc');
  }
  expect(await new Response(streamOf(chunks())).text()).toBe('abc');
});

test('nothing is made before it is read, and a reader that leaves ends the source', async () => {
  const seen: string[] = [];
  async function* chunks() {
    try {
      for (const text of ['a', 'b', 'c']) {
        seen.push(text);
        yield encoder.encode(text);
      }
    } finally {
      seen.push('ended');
    }
  }
  const reader = streamOf(chunks()).getReader();
  expect(seen).toEqual([]);
  await reader.read();
  await reader.cancel();
  expect(seen).toEqual(['a', 'ended']);
});

test('an error of the source reaches the reader', async () => {
  async function* chunks() {
    yield encoder.encode('a');
    throw new RangeError('broken');
  }
  await expect(new Response(streamOf(chunks())).text()).rejects.toThrow('broken');
});
