import { expect, test } from 'bun:test';
import { systemClock } from '../../src/platform/clock.ts';
import { probeTcp } from '../../src/platform/tcp-probe.ts';

/** A port that was free a moment ago. */
function unusedPort(): number {
  const server = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } });
  server.stop(true);
  return server.port;
}

const never = new AbortController().signal;

test('something listens', async () => {
  const server = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } });
  try {
    expect(await probeTcp({ host: '127.0.0.1', port: server.port }, 30_000, systemClock, never)).toBeUndefined();
  } finally {
    server.stop(true);
  }
});

test('nobody listens', async () => {
  const port = unusedPort();
  expect(await probeTcp({ host: '127.0.0.1', port }, 30_000, systemClock, never)).toBe('ECONNREFUSED');
});

test('an abort is an answer', async () => {
  const stopper = new AbortController();
  const asked = probeTcp({ host: '127.0.0.1', port: unusedPort() }, 30_000, systemClock, stopper.signal);
  stopper.abort();
  expect(await asked).toBe('stopped');
});
