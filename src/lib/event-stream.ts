/** A message of a server-sent event stream (WHATWG HTML, section 9.2). Comments show as the event `''`. */
export interface StreamEvent {
  readonly event: string;
  readonly data: string;
  /** Empty when the message had none. */
  readonly id: string;
}

/** One message as it goes over the wire. `data` may have several lines. */
export function formatStreamEvent(event: string, data: string, id?: string): string {
  const lines = data.split('\n').map((line) => `data: ${line}\n`);
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\n${lines.join('')}\n`;
}

function parseMessage(block: string): StreamEvent | undefined {
  let event = 'message';
  let id = '';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') event = value;
    if (field === 'data') data.push(value);
    if (field === 'id') id = value;
  }
  return data.length === 0 ? undefined : { event, data: data.join('\n'), id };
}

/**
 * Reads messages out of the bytes of an event stream, however they are cut. Line ends are normalised; a comment (a
 * heartbeat) comes out as an event without name, so that a reader can tell a quiet stream from a dead one.
 * Returns when the bytes end; what was not ended by an empty line is dropped, as the standard wants.
 */
export async function* parseEventStream(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<StreamEvent> {
  const decoder = new TextDecoder();
  let buffer = '';
  for await (const chunk of chunks) {
    buffer += decoder.decode(chunk, { stream: true }).replaceAll('\r', '');
    if (!buffer.includes('\n\n')) continue;
    const blocks = buffer.split('\n\n');
    buffer = blocks.pop() ?? '';
    for (const block of blocks) yield parseMessage(block) ?? { event: '', data: '', id: '' };
  }
}
