import { describe, expect, test } from 'bun:test';
import { connect } from 'node:net';
import { createHttpServer } from '../../../src/hub/http/http-server.ts';
import { AppError, EXIT } from '../../../src/lib/errors.ts';

const fetchOk = () => new Response('ok');

function refusal(options: Parameters<typeof createHttpServer>[0]): AppError {
  try {
    void createHttpServer(options).stop();
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error('expected a refusal');
}

describe('listening', () => {
  test('serves, and a second one is told that the port is taken', async () => {
    const server = createHttpServer({ hostname: '127.0.0.1', port: 0, fetch: fetchOk });
    try {
      expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
      expect(await (await fetch(server.url)).text()).toBe('ok');
      const error = refusal({ hostname: '127.0.0.1', port: server.port, fetch: fetchOk });
      expect(error.exitCode).toBe(EXIT.unavailable);
      expect(error.message).toBe(`address 127.0.0.1:${server.port} is taken`);
      expect(error.hint).toContain('--listen');
    } finally {
      await server.stop();
    }
    expect(fetch(server.url)).rejects.toThrow();
  });

  test.each(['', 'Host: \r\n', 'Host: a b\r\n'])('a request without a usable host (%j) is nobody’s', async (host) => {
    const server = createHttpServer({
      hostname: '127.0.0.1',
      port: 0,
      fetch: (request) => new Response(`at ${new URL(request.url).href} by ${request.method}`),
    });
    const socket = connect(server.port, '127.0.0.1');
    const answer = new Promise<string>((resolve) => socket.once('data', (data) => resolve(data.toString())));
    socket.write(`OPTIONS /readyz HTTP/1.0\r\n${host}\r\n`);
    expect(await answer).toContain('at http://nobody.invalid/readyz by OPTIONS');
    socket.destroy();
    await server.stop();
  });

  test('a foreign address and a broken certificate are configuration errors', () => {
    expect(refusal({ hostname: '203.0.113.7', port: 0, fetch: fetchOk }).exitCode).toBe(EXIT.configuration);
    const tls = { certificate: 'no', key: 'no' };
    expect(refusal({ hostname: '127.0.0.1', port: 0, fetch: fetchOk, tls }).message).toContain('HTTPS');
  });
});
