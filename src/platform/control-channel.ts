import { createReadStream, writeSync } from 'node:fs';
import type { Duplex } from 'node:stream';

/** Descriptor of the channel in the child. */
export const CONTROL_FD = 3;

/** Longest message; a longer one closes the channel, since the other side is then not what it should be. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;

/** JSON messages between a parent and its child, one a line. Closing tells each side that the other is gone. */
export interface ControlChannel {
  send(message: unknown): void;
  /** Called for each message, and once with no more to come. Messages that are not JSON close the channel. */
  listen(onMessage: (message: unknown) => void, onClose: () => void): void;
}

function lineReader(onMessage: (message: unknown) => void, fail: () => void): (data: Buffer) => void {
  let rest = '';
  const decoder = new TextDecoder();
  return (data) => {
    rest += decoder.decode(data, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      let message: unknown;
      try {
        message = JSON.parse(line);
      } catch {
        return fail();
      }
      onMessage(message);
    }
    if (rest.length > MAX_LINE_BYTES) fail();
  };
}

/** The parent's end, from `Child.control`. */
export function parentChannel(stream: Duplex): ControlChannel {
  stream.on('error', () => stream.destroy()); // the child's death shows as EPIPE here and as its exit elsewhere
  return {
    send: (message) => void (stream.writable && stream.write(`${JSON.stringify(message)}\n`)),
    listen(onMessage, onClose) {
      stream.on(
        'data',
        lineReader(onMessage, () => stream.destroy()),
      );
      stream.once('close', onClose);
    },
  };
}

/** The child's end, on descriptor 3. `listen` keeps the process alive until the parent closes it or dies. */
export function childChannel(): ControlChannel {
  return {
    send(message) {
      try {
        writeSync(CONTROL_FD, `${JSON.stringify(message)}\n`);
      } catch {
        // the parent is gone: `onClose` says so
      }
    },
    listen(onMessage, onClose) {
      const stream = createReadStream('', { fd: CONTROL_FD, autoClose: false });
      let closed = false;
      const close = () => {
        if (!closed) onClose();
        closed = true;
      };
      stream.on('data', lineReader(onMessage, () => stream.destroy()) as (data: string | Buffer) => void);
      stream.once('end', close);
      stream.once('error', close);
      stream.once('close', close);
    },
  };
}
