import { describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { MASK } from '../../src/agent/masker.ts';
import {
  Command_CommandExecutionBehavior as Behaviour,
  type Command,
  CommandSchema,
} from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { FakeAgentServer, script } from '../support/fake-agent-server.ts';
import { runTestAgent, TEST_ENVIRONMENT } from '../support/run-test-agent.ts';
import { tempFolder } from '../support/temp-folder.ts';

type Instruction = Command['instruction'];

function command(name: string, instruction: unknown, executionBehaviour = Behaviour.ON_SUCCESS): Command {
  return create(CommandSchema, { name, instruction: instruction as Instruction, executionBehaviour });
}

async function runCommands(commands: readonly Command[], more: Record<string, unknown> = {}) {
  using folder = tempFolder();
  await using server = new FakeAgentServer({
    serverToken: 'server secret',
    timeoutInSeconds: 60n,
    commands: [...commands],
    ...more,
  });
  await server.start();
  const problem = await runTestAgent(server, folder.path);
  expect(readdirSync(folder.path).filter((name) => name !== 'work')).toEqual([]); // nothing left behind
  return { server, problem };
}

describe('a task', () => {
  test('reports in batches, repeats the history at the end, and beats its heart', async () => {
    const always = { executionBehaviour: Behaviour.ALWAYS };
    const { server, problem } = await runCommands([
      script('A', ['true']),
      script('B', ['true'], { executionBehaviour: Behaviour.ON_FAILURE }),
      script('C', ['false']),
      script('D', ['true'], always),
      script('E', ['true']),
    ]);
    expect(problem).toBeNull();
    expect(server.story).toEqual([
      ['A EXECUTING'],
      ['A COMPLETED', 'B SKIPPED', 'C EXECUTING'],
      ['C FAILED', 'D EXECUTING'],
      ['D COMPLETED', 'E SKIPPED'],
    ]);
    expect(server.finished.map((request) => request.commandResults.length)).toEqual([8]);
    expect(server.results).toEqual({ A: 'COMPLETED 0', B: 'SKIPPED', C: 'FAILED 1', D: 'COMPLETED 0', E: 'SKIPPED' });
    expect(server.heartbeats).toBe(1);
  });

  test('names itself in the headers, and in the old field when its id is a number', async () => {
    const { server } = await runCommands([script('a', ['true'])]);
    for (const headers of server.headers) {
      expect(headers).toMatchObject({
        'org.cirruslabs.task-id': '42',
        'org.cirruslabs.client-secret': 'client secret',
        'org.cirruslabs.api-endpoint': server.endpoint,
      });
    }
    expect(server.initial[0]?.taskIdentification).toMatchObject({ taskId: 42n, secret: 'client secret' });
    expect(server.initial[0]?.retry).toBe(false);
  });

  test('runs nothing for a server that is not its own', async () => {
    const { server, problem } = await runCommands([script('a', ['true'])], { serverToken: 'somebody else' });
    expect(problem).toContain('wrong server token');
    expect(server.problems).toHaveLength(1);
    expect(server.batches).toEqual([]);
  });

  test('an exit instruction ends it, with a final report', async () => {
    const exit = command('stop', { case: 'exitInstruction', value: {} });
    const { server } = await runCommands([exit, script('a', ['true'], { executionBehaviour: Behaviour.ALWAYS })]);
    expect(server.results).toEqual({ stop: 'COMPLETED', a: 'SKIPPED' });
  });

  test('asks again for its commands, and gives up at once when it is refused', async () => {
    using folder = tempFolder();
    await using server = new FakeAgentServer({ serverToken: 'server secret', timeoutInSeconds: 60n, commands: [] });
    await server.start();
    server.refusals.set('initialCommands', { status: 'UNAVAILABLE', times: 1 });
    expect(await runTestAgent(server, folder.path)).toBeNull();
    expect(server.initial.map((request) => request.retry)).toEqual([true]);
    server.refusals.set('initialCommands', { status: 'UNAUTHENTICATED', times: 9 });
    expect(await runTestAgent(server, folder.path)).toContain('gave no commands for task 42');
    expect(server.initial).toHaveLength(1);
  });

  test('a server that does not save logs is enough', async () => {
    using folder = tempFolder();
    const commands = [script('a', ['echo hello'])];
    await using server = new FakeAgentServer({ serverToken: 'server secret', timeoutInSeconds: 60n, commands });
    await server.start();
    server.refusals.set('saveLogs', { status: 'UNIMPLEMENTED', times: 9 });
    expect(await runTestAgent(server, folder.path)).toBeNull();
    expect(server.streamed('a')).toBe('echo hello\nhello\n');
  });
});

describe('scripts', () => {
  test.each<[string, string[], Record<string, string>, string, string]>([
    ['echoes lines', ["echo 'Foo'"], {}, 'COMPLETED 0', "echo 'Foo'\nFoo\n"],
    ['stops at the first failure', ['echo one', 'exit 1', 'echo two'], {}, 'FAILED 1', 'echo one\none\nexit 1\n'],
    ['tells the exit status', ['exit 3'], {}, 'FAILED 3', 'exit 3\n\nExit status: 3\n'],
    ['fails within pipes', ['false | true'], {}, 'FAILED 1', 'false | true\n'],
    [
      'has real pipes',
      ['echo x | tee /dev/stderr > /dev/stdout'],
      {},
      'COMPLETED 0',
      'echo x | tee /dev/stderr > /dev/stdout\nx\nx\n',
    ],
    ['has nothing to read', ['cat'], {}, 'COMPLETED 0', 'cat\n'],
    [
      'plain sh',
      ['echo $0 > /dev/null; echo sh'],
      { CIRRUS_SHELL: '/bin/sh' },
      'COMPLETED 0',
      'echo $0 > /dev/null; echo sh\nsh\n',
    ],
    [
      'direct, all lines',
      ['echo "$GREETING  x"', "printf '%s' $NOPE y"],
      { CIRRUS_SHELL: 'direct', GREETING: 'hi' },
      'COMPLETED 0',
      'hi  x\ny',
    ],
    ['direct, stops', ['false', 'echo no'], { CIRRUS_SHELL: 'direct' }, 'FAILED 1', ''],
    [
      'direct, open quote',
      ['echo "x'],
      { CIRRUS_SHELL: 'direct' },
      'FAILED',
      'the command line `echo "x` has a quote that is never closed; close the quote or double the backslash\n',
    ],
    [
      'no such shell',
      ['true'],
      { CIRRUS_SHELL: '/nope/sh' },
      'FAILED',
      'program /nope/sh was not found; install it or correct the path\n',
    ],
    ['hides secrets', ['echo $MY_TOKEN'], { MY_TOKEN: 's3cr3t' }, 'COMPLETED 0', `echo $MY_TOKEN\n${MASK}\n`],
    [
      'hides final values',
      ['echo $MY_TOKEN'],
      { REAL: 's3cr3t', MY_TOKEN: '$REAL' },
      'COMPLETED 0',
      `echo $MY_TOKEN\n${MASK}\n`,
    ],
  ])('%s', async (_title, lines, environment, result, text) => {
    const { server } = await runCommands([script('main', lines)], { environment });
    expect({ main: server.results.main, text: server.saved('main') }).toEqual({ main: result, text });
    expect(server.streamed('main')).toBe(text);
    expect(server.saves.map((log) => log.raw)).toEqual([true]);
    expect(server.problems).toEqual([]);
  });

  test('a file that is not executable and a missing command get a remedy', async () => {
    const { server } = await runCommands([
      script('denied', ['touch tool', './tool']),
      script('missing', ['no-such-command-here'], { executionBehaviour: Behaviour.ALWAYS }),
    ]);
    expect(server.saved('denied')).toContain('Exit status: 126\n');
    expect(server.saved('denied')).toContain('git update-index --chmod=+x');
    expect(server.saved('missing')).toContain('Exit status: 127\n');
    expect(server.saved('missing')).toContain('command was not found');
    expect(server.results).toEqual({ denied: 'FAILED 126', missing: 'FAILED 127' });
  });

  test('dying of a signal is told', async () => {
    const { server } = await runCommands([script('main', ['kill -TERM $$'])]);
    expect(server.saved('main')).toEndWith('\nSignaled to exit (terminated)!\n');
    const last = server.finished[0]?.commandResults.at(-1);
    expect(last).toMatchObject({ signaledToExit: true });
    expect(last?.exitCode).toBeUndefined();
  });

  test('see the environment of the agent, the task, and what earlier steps exported', async () => {
    const { server } = await runCommands(
      [
        script('first', [
          'echo "A=B\n\nSECRET=s3cr3t\nCIRRUS_ENV_SENSITIVE=1" >> $CIRRUS_ENV',
          'echo nonsense >> $CIRRUS_ENV',
        ]),
        script('second', [
          'echo "$A $SECRET $CI $CIRRUS_TASK_ID $CIRRUS_OS"',
          'test "$PWD" = "$CIRRUS_WORKING_DIR"',
          'test -n "$HOME"',
        ]),
      ],
      { environment: { CI: 'true' } },
    );
    expect(server.saved('second')).toContain(`\n${MASK} ${MASK} true 42 ${process.platform}\n`);
    expect(server.saved('first')).toContain('line 5 of $CIRRUS_ENV is not NAME=VALUE and was ignored');
    expect(server.results).toEqual({ first: 'COMPLETED 0', second: 'COMPLETED 0' });
  });

  test('a background script runs beside the next steps and ends with the task', async () => {
    const { server } = await runCommands([
      command('server', {
        case: 'backgroundScriptInstruction',
        value: { scripts: ['echo $$ > pid; echo up; trap "echo bye; exit" TERM; while :; do sleep 0.05; done'] },
      }),
      script('client', ['while ! test -s pid; do sleep 0.01; done', 'kill -0 $(cat pid)']),
    ]);
    expect(server.results).toEqual({ server: 'COMPLETED', client: 'COMPLETED 0' });
    expect(server.saved('server')).toContain('\nup\n');
    expect(server.saved('server')).toEndWith('bye\n');
  });

  test('lines are prefixed with the time on demand', async () => {
    const { server } = await runCommands([script('main', ['echo x'])], {
      environment: { CIRRUS_LOG_TIMESTAMP: 'true' },
    });
    expect(server.saved('main')).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] echo x\n\[\d\d:\d\d:\d\d\.\d{3}\] x\n$/);
  });
});

describe('other instructions', () => {
  test('S12: files are written from variables, for this user alone, and from text', async () => {
    using folder = tempFolder();
    mkdirSync(join(folder.path, 'deep/er'), { recursive: true });
    writeFileSync(join(folder.path, 'deep/er/key'), 'an older and longer one', { mode: 0o644 });
    const from = (name: string, destinationPath: string, source: unknown) =>
      command(name, { case: 'fileInstruction', value: { destinationPath, source } });
    const commands = [
      from('key', '$DIR/key', { case: 'fromEnvironmentVariable', value: 'KEY' }),
      from('text', 'text.txt', { case: 'fromContents', value: 'hello $KEY' }),
      from('none', 'none', { case: 'fromEnvironmentVariable', value: 'MISSING' }),
      from('locked', 'none', { case: 'fromEnvironmentVariable', value: 'LOCKED' }),
      from('wrong', '/proc/nope', { case: 'fromContents', value: '' }),
    ];
    const environment = { DIR: join(folder.path, 'deep/er'), KEY: 'k', LOCKED: 'ENCRYPTED[abc]' };
    await using server = new FakeAgentServer({
      serverToken: 'server secret',
      timeoutInSeconds: 60n,
      commands,
      environment,
    });
    await server.start();
    await runTestAgent(server, folder.path);
    expect(readFileSync(join(folder.path, 'deep/er/key'), 'utf8')).toBe('k');
    expect(statSync(join(folder.path, 'deep/er/key')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder.path, 'work/text.txt'), 'utf8')).toBe('hello $KEY');
    expect(existsSync(join(folder.path, 'work/none'))).toBe(false);
    expect(server.results).toEqual({
      key: 'COMPLETED',
      text: 'COMPLETED',
      none: 'COMPLETED',
      locked: 'COMPLETED',
      wrong: 'FAILED',
    });
    expect(server.saved('none')).toContain('Variable MISSING is not set');
    expect(server.saved('wrong')).toContain('file /proc/nope cannot be written');
  });

  test('what a later version brings says so and does no harm', async () => {
    const { server } = await runCommands([command('terminal', { case: 'waitForTerminalInstruction', value: {} })]);
    expect(server.results).toEqual({ terminal: 'COMPLETED' });
    expect(server.saved('terminal')).toContain('goes on without one');
  });

  test('caches of a server that has none are filled each time', async () => {
    const { server } = await runCommands([
      command('cache', {
        case: 'cacheInstruction',
        value: { folders: ['x'], populateScripts: ['mkdir x; echo y > x/y'] },
      }),
      command('upload', { case: 'uploadCacheInstruction', value: { cacheName: 'cache' } }),
    ]);
    expect(server.results).toEqual({ cache: 'COMPLETED', upload: 'COMPLETED' });
    expect(server.saved('cache')).toContain('was not restored: this server stores no caches.');
    expect(server.saved('upload')).toContain('Warning: the cache was not stored: this server stores no caches.');
  });

  test('one that is not known fails its step', async () => {
    const { server } = await runCommands([command('new', { case: undefined })]);
    expect(server.results).toEqual({ new: 'FAILED' });
    expect(server.saved('new')).toContain('update pwagent');
  });

  test('a working folder that cannot be made is told, with a final report', async () => {
    using folder = tempFolder();
    writeFileSync(join(folder.path, 'file'), '');
    const commands = [script('a', ['true'])];
    await using server = new FakeAgentServer({ serverToken: 'server secret', timeoutInSeconds: 60n, commands });
    await server.start();
    const problem = await runTestAgent(server, folder.path, {
      workingDirectory: join(folder.path, 'file/below'),
      process: TEST_ENVIRONMENT,
    });
    expect(problem).toContain('cannot be made');
    expect(server.problems[0]?.message).toContain('cannot be made');
    expect(server.finished).toHaveLength(1);
  });
});
