import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { formatStreamEvent, parseEventStream, type StreamEvent } from '../../src/lib/event-stream.ts';
import { inPieces } from '../support/tar-of.ts';

async function parse(text: string, piece = 3): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of parseEventStream(inPieces(new TextEncoder().encode(text), piece))) events.push(event);
  return events;
}

test('what is written can be read, however the stream is cut', async () => {
  const data = fc.string({ unit: fc.constantFrom('a', 'é', '\n', ':', ' ', '\u{1F600}'), maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(fc.array(data, { maxLength: 5 }), fc.integer({ min: 1, max: 40 }), async (messages, piece) => {
      const text = messages.map((message, index) => formatStreamEvent('log', message, String(index))).join('');
      expect(await parse(text, piece)).toEqual(
        messages.map((message, index) => ({ event: 'log', data: message, id: String(index) })),
      );
    }),
  );
});

test.each([
  ['a comment', ': hello\n\n', [{ event: '', data: '', id: '' }]],
  ['Windows line ends', 'event: a\r\ndata: b\r\n\r\n', [{ event: 'a', data: 'b', id: '' }]],
  ['no event name', 'data: b\n\n', [{ event: 'message', data: 'b', id: '' }]],
  ['no space', 'data:b\n\n', [{ event: 'message', data: 'b', id: '' }]],
  ['unknown fields', 'retry: 1\nx\ndata: b\n\n', [{ event: 'message', data: 'b', id: '' }]],
  ['cut off', 'data: a\n\ndata: b\n', [{ event: 'message', data: 'a', id: '' }]],
])('%s', async (_title, text, events) => {
  expect(await parse(text)).toEqual(events);
});
