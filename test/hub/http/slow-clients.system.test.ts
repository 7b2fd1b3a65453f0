import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { connect, type Socket } from 'node:net';
import { createHttpServer, type HttpServer } from '../../../src/hub/http/http-server.ts';

const opened: { server?: HttpServer } = {};
const bodies: string[] = [];

beforeAll(() => {
  opened.server = createHttpServer({
    hostname: '127.0.0.1',
    port: 0,
    headTimeoutS: 1,
    async fetch(request) {
      bodies.push(await request.text().catch(() => 'broken off'));
      return new Response('ok');
    },
  });
});

afterAll(() => opened.server?.stop());

interface Client {
  readonly socket: Socket;
  readonly answer: () => string;
  readonly closed: Promise<void>;
}

function client(): Client {
  const socket = connect(opened.server?.port ?? 0, '127.0.0.1');
  let answer = '';
  socket.on('data', (data) => {
    answer += data.toString('latin1');
  });
  socket.on('error', () => {}); // a connection that was cut may say so
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return { socket, answer: () => answer, closed };
}

/** Sends a byte again and again until the other side has had enough. */
async function trickle({ socket, closed }: Client): Promise<void> {
  const timer = setInterval(() => socket.write('x'), 200);
  await closed;
  clearInterval(timer);
}

describe('clients that mean no good', () => {
  test('a head that trickles in for ever is cut off, while others are served', async () => {
    const slow = client();
    slow.socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nX: ');
    const ended = trickle(slow);
    const response = await fetch(opened.server?.url ?? '');
    expect(await response.text()).toBe('ok');
    await ended;
    expect(slow.answer()).not.toContain('200 OK');
  }, 30_000);

  test('a connection that says nothing is closed', async () => {
    const idle = client();
    await idle.closed;
    expect(idle.answer()).toBe('');
  }, 30_000);

  test('giant headers are refused', async () => {
    const giant = client();
    giant.socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\nBig: ${'a'.repeat(100_000)}\r\n\r\n`);
    await giant.closed;
    expect(giant.answer()).toStartWith('HTTP/1.1 431');
  }, 30_000);

  test.each(['\x16\x03\x01\x02\x00\x01', 'GARBAGE\x00\xff\r\n\r\n', 'GET / HTTP/9.9\r\nHost: x\r\n\r\n'])(
    'what is no HTTP (%j) is not answered with a success',
    async (bytes) => {
      const odd = client();
      odd.socket.write(Buffer.from(bytes, 'latin1'));
      odd.socket.end();
      await odd.closed;
      expect(odd.answer()).not.toContain('200 OK');
    },
    30_000,
  );
});
