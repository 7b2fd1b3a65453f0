import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../src/cli/submit.ts';
import { createHttpServer, type HttpServer } from '../../../src/hub/http/http-server.ts';
import { AppError, EXIT } from '../../../src/lib/errors.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { processEnvironment } from '../../../src/platform/environment.ts';
import { testContext } from '../../support/cli-context.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { type TestHub, testHub } from '../../support/test-hub.ts';

const folder = tempFolder();
const tree = tempFolder();
const opened: { hub?: TestHub; server?: HttpServer } = {};
const token = join(folder.path, 'token');

beforeAll(async () => {
  const hub = await testHub(systemClock);
  opened.hub = hub;
  opened.server = createHttpServer({ hostname: '127.0.0.1', port: 0, fetch: hub.app.fetch });
  writeFileSync(token, 'adm\n');
  writeFileSync(join(tree.path, '.cirrus.yml'), 'one\n');
  writeFileSync(join(tree.path, 'bad.yml'), 'first\n  bad\n');
});

afterAll(async () => {
  opened.hub?.stop.abort();
  await opened.server?.stop();
  opened.hub?.[Symbol.dispose]();
  folder[Symbol.dispose]();
  tree[Symbol.dispose]();
});

function hub(): TestHub {
  if (opened.hub === undefined) throw new Error('not open');
  return opened.hub;
}

function submit(...more: readonly string[]) {
  const context = testContext(processEnvironment());
  const url = opened.server?.url ?? '';
  const done = run(['--hub', url, '--token-file', token, '--dir', tree.path, ...more], context).catch(
    (error: unknown) => error,
  );
  return { context, done };
}

/** Waits, with a bound, until the hub has one more build, and returns its id. */
async function nextBuild(before: number): Promise<string> {
  for (let round = 0; round < 500; round += 1) {
    if (hub().core.created.length > before) return `b${before + 1}`;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('no build came');
}

describe('submit', () => {
  test.each([
    ['COMPLETED', EXIT.ok],
    ['FAILED', EXIT.jobFailed],
  ] as const)('follows a build that ends as %s', async (status, exitCode) => {
    const before = hub().core.created.length;
    const { context, done } = submit('-e', 'A=1');
    const id = await nextBuild(before);
    hub().core.log(`${id}0`, 'main', 'hello\n');
    hub().core.finish(id, status);
    expect(await done).toBe(exitCode);
    expect(context.out()).toContain(`build ${id}  http://127.0.0.1:7480/builds/${id}\n▸ main\nhello\n`);
    expect(hub().core.created[before]?.tasks[0]?.environment).toEqual({ A: '1' });
  });

  test('--json prints one object and nothing else', async () => {
    const before = hub().core.created.length;
    const { context, done } = submit('--json');
    const id = await nextBuild(before);
    hub().core.log(`${id}0`, 'main', 'hello\n');
    hub().core.finish(id, 'COMPLETED');
    expect(await done).toBe(EXIT.ok);
    expect(JSON.parse(context.out())).toMatchObject({ build: { id }, status: 'COMPLETED', tasks: [{ name: 'one' }] });
    expect(context.err()).toBe('');
  });

  test('--no-follow returns at once', async () => {
    const { context, done } = submit('--no-follow');
    expect(await done).toBe(EXIT.ok);
    expect(context.out()).toStartWith('build b');
  });

  test('Ctrl-C leaves the build alone and says where to look', async () => {
    const before = hub().core.created.length;
    const { context, done } = submit();
    const id = await nextBuild(before);
    context.stopper.abort('SIGINT'); // the answer about the build may still be under way
    expect(await done).toBe(EXIT.jobFailed);
    expect(context.err()).toContain(`build ${id} goes on`);
  });

  test('mistakes of the configuration are shown where they are', async () => {
    const { context, done } = submit('-f', 'bad.yml');
    expect(await done).toBe(EXIT.configuration);
    expect(context.err()).toBe('bad.yml:2:3: error: bad word; say something else\n    bad\n    ^\n');
    expect(context.out()).toBe('');
  });

  test.each([
    ['no configuration', ['-f', 'none.yml'], EXIT.configuration, 'there is no such file'],
    ['no token file', ['--token-file', '/nonexistent/token'], EXIT.configuration, '/nonexistent/token does not exist'],
    ['no hub', ['--hub', 'http://127.0.0.1:1'], EXIT.unavailable, 'http://127.0.0.1:1 cannot be reached'],
    ['no address', ['--hub', 'hub'], EXIT.configuration, 'is not an address'],
    ['a password in the address', ['--hub', 'http://a:b@hub'], EXIT.configuration, 'credentials'],
    ['no folder', ['--dir', '/nonexistent'], EXIT.configuration, 'there is no such file'],
    ['a bad variable', ['-e', '=x'], EXIT.usage, 'has no name'],
    ['an unknown flag', ['--jsom'], EXIT.usage, '--json'],
  ])('%s', async (_title, more, exitCode, message) => {
    const error = await submit(...more).done;
    expect(error).toBeInstanceOf(AppError);
    expect([(error as AppError).exitCode as number, String(error)]).toEqual([
      exitCode,
      expect.stringContaining(message),
    ]);
  });

  test.each([
    ['nobody', EXIT.noPermission, 'does not know that token'],
    ['rea', EXIT.noPermission, 'cannot start, end or repeat builds'],
    ['', EXIT.configuration, 'does not hold a token'],
    ['two words', EXIT.configuration, 'does not hold a token'],
  ])('with the token %j', async (text, exitCode, message) => {
    const file = join(folder.path, 'other-token');
    writeFileSync(file, text);
    const error = await submit('--token-file', file).done;
    expect([(error as AppError).exitCode as number, String(error)]).toEqual([
      exitCode,
      expect.stringContaining(message),
    ]);
  });

  test('a server that is no hub is told as such', async () => {
    const server = createHttpServer({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('hello') });
    try {
      const error = (await submit('--hub', server.url).done) as AppError;
      expect([error.exitCode as number, error.hint]).toEqual([
        EXIT.unavailable,
        expect.stringContaining('pwagent hub'),
      ]);
    } finally {
      await server.stop();
    }
  });
});
