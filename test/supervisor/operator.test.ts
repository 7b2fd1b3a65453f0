import { expect, test } from 'bun:test';
import { statSync } from 'node:fs';
import { run as drain } from '../../src/cli/drain.ts';
import { run as shutdown } from '../../src/cli/shutdown.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { openControlSocket } from '../../src/supervisor/control-socket.ts';
import { adminSocketOf, operatorAccess, operatorAnswers } from '../../src/supervisor/operator.ts';
import { exchangeLines } from '../../src/supervisor/status-client.ts';
import { testContext } from '../support/cli-context.ts';
import { tempFolder } from '../support/temp-folder.ts';

const signal = new AbortController().signal;

async function opened(phase: string | undefined = 'draining') {
  const folder = tempFolder();
  const socket = `${folder.path}/s.sock`;
  const seen: string[] = [];
  const answers = operatorAnswers((command, reason) => {
    seen.push(`${command}: ${reason}`);
    return phase;
  });
  const admin = await openControlSocket(adminSocketOf(socket), answers, systemClock, signal, operatorAccess(1_000));
  return {
    socket,
    seen,
    ask: (request: unknown) => exchangeLines(adminSocketOf(socket), request, JSON.parse, systemClock, signal),
    [Symbol.dispose]() {
      admin.close();
      folder[Symbol.dispose]();
    },
  };
}

test('an order with its reason comes through; its control characters do not', async () => {
  using here = await opened();
  expect(await here.ask({ request: 'drain', reason: 'new\n\u001b[31mimage' })).toEqual({ phase: 'draining' });
  expect(here.seen).toEqual(['drain: new [31mimage']);
});

test.each([[{}], [{ reason: '' }], [{ reason: '\n' }], [{ reason: 7 }], [{ reason: 'x'.repeat(501) }]])(
  'no order without a reason: %p',
  async (rest) => {
    using here = await opened();
    expect(await here.ask({ request: 'shutdown', ...rest })).toEqual({
      error: 'an order needs a reason of 1 to 500 characters',
    });
    expect(here.seen).toEqual([]);
  },
);

test('nobody but its owner may connect where there is no group of operators', async () => {
  using here = await opened();
  expect(statSync(adminSocketOf(here.socket)).mode & 0o777).toBe(0o600);
});

test('pwagent drain', async () => {
  using here = await opened();
  const context = testContext({});
  expect(await drain(['--reason', 'so', '--socket', here.socket], context)).toBe(0);
  expect([context.out(), here.seen]).toEqual(['drain: draining\n', ['drain: so']]);
});

test('pwagent shutdown without a supervisor, without a reason, before it has begun', async () => {
  const context = testContext({});
  await expect(shutdown(['--reason', 'so', '--socket', '/nowhere/s.sock'], context)).rejects.toThrow(
    'no supervisor runs',
  );
  await expect(shutdown(['--socket', '/nowhere/s.sock'], context)).rejects.toThrow('--reason');
});
