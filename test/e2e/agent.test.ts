import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { findProcess } from '../../src/platform/process-table.ts';
import {
  Command_CommandExecutionBehavior as Behaviour,
  type Command,
  CommandSchema,
  type CommandsResponseSchema,
} from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { FakeAgentServer, script } from '../support/fake-agent-server.ts';
import { namespaceGap } from '../support/namespace.ts';
import { testNeeding } from '../support/requirement.ts';
import { UserAgents } from '../support/user-agent.ts';
import { waitFor } from '../support/wait-for.ts';

let agents: UserAgents;
beforeEach(() => {
  agents = new UserAgents();
});
afterEach(() => agents.close());

const ESCAPE = String.fromCharCode(27);
const always = { executionBehaviour: Behaviour.ALWAYS };

function command(name: string, instruction: unknown): Command {
  return create(CommandSchema, { name, instruction: instruction as Command['instruction'] });
}

async function serverWith(commands: readonly Command[], more: MessageInitShape<typeof CommandsResponseSchema> = {}) {
  const server = new FakeAgentServer({
    serverToken: 'server secret',
    timeoutInSeconds: 60n,
    commands: [...commands],
    ...more,
  });
  await server.start();
  return server;
}

/** Runs a task to its end; nothing may be left behind. */
async function carryOut(
  commands: readonly Command[],
  more: MessageInitShape<typeof CommandsResponseSchema> = {},
  options: Parameters<UserAgents['start']>[1] = {},
) {
  const server = await serverWith(commands, more);
  const agent = agents.start(server, options);
  const { code } = await agent.exited;
  await server.cut();
  expect(agents.leftovers()).toEqual([]);
  return { server, code, output: agent.output() };
}

describe('a git server on loopback', () => {
  const root = mkdtempSync(join(tmpdir(), 'pwagent-e2e-git-'));
  const git = (...args: string[]) => {
    const who = { GIT_AUTHOR_NAME: 't', GIT_AUTHOR_EMAIL: 't@t', GIT_COMMITTER_NAME: 't', GIT_COMMITTER_EMAIL: 't@t' };
    const { exitCode, stderr } = Bun.spawnSync(['git', ...args], { env: { ...process.env, ...who } });
    if (exitCode !== 0) throw new Error(stderr.toString());
  };
  const web = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const file = Bun.file(join(root, new URL(request.url).pathname));
      return (await file.exists()) ? new Response(file) : new Response('no', { status: 404 });
    },
  });
  const address = `http://127.0.0.1:${web.port}/bare.git`;

  beforeAll(() => {
    git('init', '--quiet', '-b', 'main', join(root, 'source'));
    writeFileSync(join(root, 'source/hello.txt'), 'hello from the repository\n');
    git('-C', join(root, 'source'), 'add', '.');
    git('-C', join(root, 'source'), 'commit', '--quiet', '-m', 'first');
    git('clone', '--quiet', '--bare', join(root, 'source'), join(root, 'bare.git'));
    git('-C', join(root, 'bare.git'), 'update-server-info');
  });
  afterAll(async () => {
    await web.stop(true);
    rmSync(root, { recursive: true, force: true });
  });

  test('each instruction, one after the other, as an ordinary user', async () => {
    const { server, code } = await carryOut(
      [
        command('clone', { case: 'cloneInstruction', value: {} }),
        command('server', {
          case: 'backgroundScriptInstruction',
          value: {
            scripts: [
              'echo PORT=123 >> $CIRRUS_ENV',
              'touch up',
              'trap "echo bye; exit" TERM; while :; do sleep 0.05; done',
            ],
          },
        }),
        command('key', {
          case: 'fileInstruction',
          value: { destinationPath: '$DIR/key', source: { case: 'fromEnvironmentVariable', value: 'KEY' } },
        }),
        script('wait', ['while ! test -e up; do sleep 0.02; done']),
        script('use', [
          'cat hello.txt; stat -c %a sub/key; echo "port $PORT"; id -u > uid; echo NEXT=1 >> $CIRRUS_ENV',
        ]),
        command('terminal', { case: 'waitForTerminalInstruction', value: {} }),
        script('next', ['test "$NEXT" = 1']),
        command('stop', { case: 'exitInstruction', value: {} }),
        script('never', ['true'], always),
      ],
      { environment: { CIRRUS_REPO_CLONE_URL: address, CIRRUS_BRANCH: 'main', DIR: 'sub', KEY: 'key-of-the-task' } },
    );
    expect(server.results).toEqual({
      clone: 'COMPLETED',
      server: 'COMPLETED',
      key: 'COMPLETED',
      wait: 'COMPLETED 0',
      use: 'COMPLETED 0',
      terminal: 'COMPLETED',
      next: 'COMPLETED 0',
      stop: 'COMPLETED',
      never: 'SKIPPED',
    });
    expect(server.saved('use')).toEndWith('\nhello from the repository\n600\nport 123\n');
    expect(server.saved('server')).toEndWith('bye\n');
    expect(server.saved('terminal')?.trim().split('\n')).toHaveLength(1);
    expect(server.finished[0]?.resourceUtilization?.cpuTotal).toBeGreaterThan(0);
    expect(server.agentLogs).toHaveLength(1);
    if (process.getuid?.() === 0) expect(agents.read('uid').trim()).not.toBe('0');
    expect(code).toBe(0);
  }, 30_000);

  test('a repository that is gone, and a folder that cannot be written, fail the clone with a sentence', async () => {
    const clone = command('clone', { case: 'cloneInstruction', value: {} });
    const gone = await carryOut([clone], { environment: { CIRRUS_REPO_CLONE_URL: `${address}.gone` } });
    expect(gone.server.saved('clone')).toContain('refused to be cloned');
    expect(gone.server.results).toEqual({ clone: 'FAILED' });
    chmodSync(agents.work, 0o555);
    const locked = await carryOut([clone], { environment: { CIRRUS_REPO_CLONE_URL: address, CIRRUS_BRANCH: 'main' } });
    chmodSync(agents.work, 0o755);
    expect(locked.server.saved('clone')).toMatch(/git (?:init|checkout) failed .*Permission denied/);
    expect([gone.code, locked.code]).toEqual([0, 0]);
  }, 30_000);
});

describe('scripts', () => {
  test.each<[string, string[], Record<string, string>, string, RegExp]>([
    ['real pipes under errexit', ['echo x | tee /dev/stderr > /dev/stdout'], {}, 'COMPLETED 0', /\nx\nx\n$/],
    [
      'CRLF',
      ['echo one\r', 'echo two\r'],
      {},
      'COMPLETED 0',
      /^The script has Windows line ends.*\necho one\none\necho two\ntwo\n$/,
    ],
    ['a NUL byte', ['echo a', 'echo b\0c'], {}, 'FAILED', /^line 2 of the script holds a NUL byte; .*\n$/],
    ['a NUL byte in a variable', ['true'], { X: 'a\0b' }, 'FAILED', /^variable "X" holds a NUL byte; .*\n$/],
    ['no shebang', ['printf "echo plain\\n" > s; chmod +x s; ./s'], {}, 'COMPLETED 0', /\nplain\n$/],
    ['no shebang, without a shell', ['./s'], { CIRRUS_SHELL: 'direct' }, 'FAILED', /program \.\/s was not found/],
    ['bytes that are not UTF-8', ["printf '\\377\\376\\n' | od -An -tx1"], {}, 'COMPLETED 0', / ff fe 0a\n$/],
    [
      'colours',
      ["printf '\\033[31mred\\033[0m\\n'"],
      { TERM: 'xterm-256color' },
      'COMPLETED 0',
      new RegExp(`${ESCAPE}\\[31mred${ESCAPE}\\[0m\n$`),
    ],
    [
      'the terminal that the task says it has',
      ['echo $TERM $COLUMNS'],
      { TERM: 'xterm', COLUMNS: '132' },
      'COMPLETED 0',
      /\nxterm 132\n$/,
    ],
    ['P1: no time is lost', ['true'], {}, 'COMPLETED 0', /^true\n$/],
    [
      'a shell that is not there',
      ['true'],
      { CIRRUS_SHELL: 'no-such-shell' },
      'FAILED',
      /program no-such-shell was not found/,
    ],
    ['C1: dash has no pipefail', ['false | true', 'echo on'], { CIRRUS_SHELL: 'dash' }, 'COMPLETED 0', /\non\n$/],
    ['direct', ["bash -c 'echo $CIRRUS_SHELL'"], { CIRRUS_SHELL: 'direct' }, 'COMPLETED 0', /^direct\n$/],
    [
      'zsh or whatever, with arguments',
      ['echo "[$-]"'],
      { CIRRUS_SHELL: 'bash -u' },
      'COMPLETED 0',
      /\[[^\]]*u[^\]]*\]\n$/,
    ],
  ])('%s', async (_title, lines, environment, result, log) => {
    const { server } = await carryOut([script('main', lines)], { environment });
    expect(server.saved('main')).toMatch(log);
    expect(server.results).toEqual({ main: result });
  });

  test('10 MB of text', async () => {
    const lines = Array.from({ length: 100_000 }, (_value, at) => `: line ${at} ${'x'.repeat(85)}`);
    const { server } = await carryOut([script('main', [...lines, 'echo the end'])]);
    expect(server.results).toEqual({ main: 'COMPLETED 0' });
    expect(server.saved('main')?.length).toBeGreaterThan(9_500_000);
    expect(server.saved('main')).toEndWith('\nthe end\n');
  }, 30_000);
});

const fullDiskTest = testNeeding('a full disk', namespaceGap());

describe('a disk that takes nothing more', () => {
  fullDiskTest(
    'costs the rest of the log, not the task; the log says so',
    async () => {
      const mount = 'mount -t tmpfs -o size=1m,mode=1777 tmpfs "$TMPDIR" && exec "$@"';
      const through = ['unshare', '--mount', '--propagation', 'private', '/bin/sh', '-c', mount, 'sh'];
      const server = await serverWith([
        script('main', ['head -c 3000000 /dev/zero | tr "\\0" x; echo; exit 3']),
        script('after', ['echo still here'], always),
      ]);
      const agent = agents.start(server, { through, asRoot: true });
      expect((await agent.exited).code).toBe(0);
      expect(server.results).toEqual({ main: 'FAILED 3', after: 'COMPLETED 0' });
      const log = server.saved('main') ?? '';
      expect(log).toContain(
        '[The rest of the output is not in this log: the disk of the temporary files is full (ENOSPC)',
      );
      expect(log).toMatch(/\nExit status: 3\n\[\d+ bytes are missing here\]\n$/);
      expect(server.saved('after')).toContain('still here');
      await server.cut();
    },
    30_000,
  );
});

describe('endings', () => {
  const loop = ['echo $$ > pid', 'while :; do sleep 0.05; done'];

  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s cancels: the script ends, clean-up runs, all is reported',
    async (signal) => {
      const server = await serverWith([
        script('main', loop),
        script('next', ['true']),
        script('clean', ['echo cleaned'], always),
      ]);
      const agent = agents.start(server);
      await waitFor('the script runs', () => agents.read('pid') !== '');
      process.kill(agent.pid, signal);
      expect((await agent.exited).code).toBe(0);
      expect(server.results).toEqual({ main: 'FAILED', next: 'SKIPPED', clean: 'COMPLETED 0' });
      expect(server.saved('main')).toEndWith('\nContext canceled!\n');
      expect(server.signals).toEqual([signal === 'SIGTERM' ? 'terminated' : 'interrupt']);
      expect(findProcess(Number(agents.read('pid')))).toBeUndefined();
      expect(agents.leftovers()).toEqual([]);
      await server.cut();
    },
    30_000,
  );

  test('other signals are reported and change nothing', async () => {
    const server = await serverWith([
      script('main', ['echo $$ > pid', 'while ! test -e proceed; do sleep 0.02; done']),
    ]);
    const agent = agents.start(server);
    await waitFor('the script runs', () => agents.read('pid') !== '');
    process.kill(agent.pid, 'SIGHUP');
    await server.until(() => server.signals.length > 0, 'the signal is reported');
    writeFileSync(join(agents.work, 'proceed'), '');
    expect((await agent.exited).code).toBe(0);
    expect(server.signals).toEqual(['hangup']);
    expect(server.results).toEqual({ main: 'COMPLETED 0' });
    await server.cut();
  }, 30_000);

  test('the time limit, with what the task does after it', async () => {
    const onTimeout = { executionBehaviour: Behaviour.ON_TIMEOUT };
    const { server, code } = await carryOut(
      [
        script('early', ['true'], always),
        script('main', ['sleep 600']),
        script('late', ['echo late'], onTimeout),
        script('clean', ['true'], always),
      ],
      { timeoutInSeconds: 1n },
    );
    expect(server.results).toEqual({ early: 'COMPLETED 0', main: 'FAILED', late: 'COMPLETED 0', clean: 'COMPLETED 0' });
    expect(server.saved('main')).toBe('sleep 600\n\nTimed out!\n');
    expect(code).toBe(0);
  }, 30_000);

  test('a server that goes and comes back misses nothing and gets nothing twice', async () => {
    const lines = ['i=0; while ! test -e proceed; do i=$((i+1)); echo "line $i"; sleep 0.005; done; echo "last $i"'];
    const server = await serverWith([script('main', lines)], { resumableLogs: true });
    const agent = agents.start(server);
    await server.until(() => server.streamed('main').includes('line 20\n'), 'some lines');
    await server.cut();
    await Bun.sleep(300);
    await server.start();
    await server.until(() => server.streams.length > 1 && (server.streams.at(-1)?.chunks ?? 0) > 1, 'more lines');
    writeFileSync(join(agents.work, 'proceed'), '');
    expect((await agent.exited).code).toBe(0);
    const begin = server.streams.at(-1)?.offset ?? -1;
    const all = (server.streams[0]?.text.slice(0, begin) ?? '') + (server.streams.at(-1)?.text ?? '');
    const numbers = [...all.matchAll(/^line (\d+)$/gm)].map(([, number]) => Number(number));
    expect(numbers).toEqual(numbers.map((_number, at) => at + 1));
    expect(all).toEndWith(`last ${numbers.length}\n`);
    await server.cut();
  }, 30_000);

  test('a server that is lost for good: the work is done, a second TERM ends the waiting, and the exit code tells', async () => {
    const server = await serverWith([
      script('main', ['echo $$ > pid', 'while ! test -e proceed; do sleep 0.02; done', 'touch worked']),
    ]);
    const agent = agents.start(server);
    await waitFor('the script runs', () => agents.read('pid') !== '');
    await server.cut();
    writeFileSync(join(agents.work, 'proceed'), '');
    await waitFor(
      'the script goes on without the server',
      () => agents.read('pid') !== '' && findProcess(Number(agents.read('pid'))) === undefined,
    );
    process.kill(agent.pid, 'SIGTERM');
    await waitFor('the first is noticed', () => agent.output().includes('signal=SIGTERM'));
    process.kill(agent.pid, 'SIGTERM');
    expect((await agent.exited).code).toBe(69);
    expect(agent.output()).toContain('the final report was not taken');
    expect(agents.leftovers()).toEqual([]);
  }, 40_000);

  test('a server that refuses the task', async () => {
    const server = await serverWith([]);
    server.refusals.set('initialCommands', { status: 'UNAUTHENTICATED', times: 9 });
    const agent = agents.start(server);
    expect((await agent.exited).code).toBe(69);
    expect(agent.output()).toContain('gave no commands');
    await server.cut();
  });
});
