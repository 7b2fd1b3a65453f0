import { describe, expect, test } from 'bun:test';
import type { CliContext, Output } from '../../src/cli/context.ts';
import { run } from '../../src/cli/hub.ts';
import { tempFolder } from '../support/temp-folder.ts';

function contextOf(stop: AbortSignal) {
  const written = { out: '', err: '' };
  const output = (to: 'out' | 'err'): Output => ({
    write: (text) => {
      written[to] += text;
    },
    isTty: false,
    colour: false,
    columns: 80,
  });
  const context: CliContext = {
    env: { PATH: process.env.PATH ?? '', HOME: '/nowhere' },
    stdout: output('out'),
    stderr: output('err'),
    onHangup: () => {},
    stop,
    hurry: new AbortController().signal,
  };
  return { context, written };
}

const never = new AbortController().signal;

test('tells where everything is and what to type next, logs to stderr, and ends with 0', async () => {
  using folder = tempFolder();
  const stop = new AbortController();
  const { context, written } = contextOf(stop.signal);
  const args = ['--data', folder.path, '--listen', '127.0.0.1:0', '--grpc', '127.0.0.1:0'];
  const ending = run(args, context);
  const endMs = performance.now() + 5_000;
  while (!written.out.includes('pwagent submit') && performance.now() < endMs) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  stop.abort('SIGTERM');
  expect(await ending).toBe(0);
  expect(written.out).toMatch(/workers and agents {3}http:\/\/127\.0\.0\.1:\d+\n/);
  expect(written.out).toMatch(
    new RegExp(
      `pwagent worker run --token-file ${folder.path}/registration-token --rpc-endpoint http://127.0.0.1:\\d+\n`,
    ),
  );
  expect(written.out).toMatch(
    new RegExp(`pwagent submit --hub http://127.0.0.1:\\d+ --token-file ${folder.path}/admin-token\n`),
  );
  const messages = written.err
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).msg);
  expect(messages.slice(-2)).toEqual(['stopping', 'stopped']);
});

describe('wrong flags', () => {
  test.each([
    [['--listen', 'x'], '--listen "x" is not an address'],
    [['--log-level', 'loud'], '--log-level "loud" is not a level'],
    [['--tls-cert', 'c'], '--tls-key is missing'],
    [['--public-url', 'x'], '--public-url "x" is not a web address'],
    [['--nope'], 'unknown option'],
  ])('%j', async (args, message) => {
    const { context } = contextOf(never);
    await expect(run(args, context)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(message),
    });
  });

  test('--help shows examples', async () => {
    const { context, written } = contextOf(never);
    expect(await run(['--help'], context)).toBe(0);
    expect(written.out).toContain('$ pwagent hub');
  });
});
