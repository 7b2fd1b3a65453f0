import { describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProcess } from '../../src/platform/process-table.ts';
import { Command_CommandExecutionBehavior as Behaviour } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { FakeAgentServer, script } from '../support/fake-agent-server.ts';
import { runTestAgent } from '../support/run-test-agent.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { waitFor } from '../support/wait-for.ts';

/** Leaves ids of a child in another session, whose parent is gone, and of one in the group. */
const DETACHED = [
  "(setsid sh -c 'echo $$ > detached; while :; do sleep 0.05; done' &)",
  "sh -c 'echo $$ > grandchild; sleep 600' &",
  'while ! test -s detached -a -s grandchild; do sleep 0.01; done',
];

function pidIn(folder: string, name: string): number {
  return Number(readFileSync(join(folder, 'work', name), 'utf8'));
}

const hasSetsid = Bun.which('setsid') !== null;

describe('the time limit', () => {
  test.if(hasSetsid)(
    'ends a script with all that it started, and clean-up steps run',
    async () => {
      using folder = tempFolder();
      const on = (executionBehaviour: Behaviour) => ({ executionBehaviour });
      await using server = new FakeAgentServer({
        serverToken: 'server secret',
        timeoutInSeconds: 1n,
        commands: [
          script('slow', [...DETACHED, 'sleep 600']),
          script('next', ['true']),
          script('failure', ['echo diagnosis'], on(Behaviour.ON_FAILURE)),
          script('timeout', ['true'], on(Behaviour.ON_TIMEOUT)),
          script('always', ['true'], on(Behaviour.ALWAYS)),
        ],
      });
      await server.start();
      expect(await runTestAgent(server, folder.path)).toBeNull();
      expect(server.results).toEqual({
        slow: 'FAILED',
        next: 'SKIPPED',
        failure: 'COMPLETED 0',
        timeout: 'COMPLETED 0',
        always: 'COMPLETED 0',
      });
      expect(server.saved('slow')).toEndWith('sleep 600\n\nTimed out!\n');
      expect(server.finished[0]?.commandResults.find((result) => result.name === 'slow')?.signaledToExit).toBe(false);
      expect(findProcess(pidIn(folder.path, 'detached'))).toBeUndefined();
      expect(findProcess(pidIn(folder.path, 'grandchild'))).toBeUndefined();
    },
    15_000,
  );

  test('a script that ends on TERM has time for that', async () => {
    using folder = tempFolder();
    const commands = [script('main', ['trap "echo cleaned up; exit 1" TERM', 'while :; do sleep 0.05; done'])];
    await using server = new FakeAgentServer({ serverToken: 'server secret', timeoutInSeconds: 1n, commands });
    await server.start();
    await runTestAgent(server, folder.path);
    expect(server.saved('main')).toEndWith('cleaned up\n\nTimed out!\n');
  }, 15_000);
});

describe('a script that ends by itself', () => {
  test('takes its background children with it', async () => {
    using folder = tempFolder();
    const commands = [
      script('main', ["sh -c 'echo $$ > child; sleep 600' &", 'while ! test -s child; do sleep 0.01; done']),
    ];
    await using server = new FakeAgentServer({ serverToken: 'server secret', timeoutInSeconds: 60n, commands });
    await server.start();
    await runTestAgent(server, folder.path);
    expect(server.results).toEqual({ main: 'COMPLETED 0' });
    expect(findProcess(pidIn(folder.path, 'child'))).toBeUndefined();
  });

  test.if(hasSetsid)('is over although another session holds its output, until the end of the task', async () => {
    using folder = tempFolder();
    const commands = [
      script('main', ["setsid sh -c 'echo $$ > child; sleep 600' &", 'while ! test -s child; do sleep 0.01; done']),
      script('next', ['kill -0 $(cat child)']),
    ];
    await using server = new FakeAgentServer({ serverToken: 'server secret', timeoutInSeconds: 60n, commands });
    await server.start();
    await runTestAgent(server, folder.path);
    expect(server.results).toEqual({ main: 'COMPLETED 0', next: 'COMPLETED 0' });
    expect(server.saved('main')).toContain('still holds its output open');
    expect(findProcess(pidIn(folder.path, 'child'))).toBeUndefined();
  });

  test('may leave processes when the task says so', async () => {
    using folder = tempFolder();
    const commands = [script('main', ['sleep 600 > /dev/null 2>&1 & echo $! > child'])];
    const environment = { CIRRUS_ESCAPING_PROCESSES: '1' };
    await using server = new FakeAgentServer({
      serverToken: 'server secret',
      timeoutInSeconds: 60n,
      commands,
      environment,
    });
    await server.start();
    await runTestAgent(server, folder.path);
    const pid = pidIn(folder.path, 'child');
    const lives = findProcess(pid) !== undefined;
    if (lives) process.kill(pid, 'SIGKILL');
    expect(lives).toBe(true);
  });
});

describe('a cancel', () => {
  test('ends the running script, skips the rest but clean-up, and is reported', async () => {
    using folder = tempFolder();
    const cancel = new AbortController();
    await using server = new FakeAgentServer({
      serverToken: 'server secret',
      timeoutInSeconds: 60n,
      commands: [
        script('main', ['touch started', 'sleep 600']),
        script('next', ['true']),
        script('failure', ['true'], { executionBehaviour: Behaviour.ON_FAILURE }),
        script('always', ['echo cleaning'], { executionBehaviour: Behaviour.ALWAYS }),
      ],
    });
    await server.start();
    const running = runTestAgent(server, folder.path, {}, { cancel: cancel.signal });
    await waitFor('work/started', () => existsSync(join(folder.path, 'work/started')));
    cancel.abort('SIGTERM');
    expect(await running).toBeNull();
    expect(server.results).toEqual({ main: 'FAILED', next: 'SKIPPED', failure: 'SKIPPED', always: 'COMPLETED 0' });
    expect(server.saved('main')).toEndWith('\nContext canceled!\n');
    expect(server.story.flat()).toContain('always COMPLETED');
  });

  test('before the first commands ends quietly', async () => {
    using folder = tempFolder();
    const cancel = new AbortController();
    await using server = new FakeAgentServer({ serverToken: 'server secret' });
    await server.start();
    server.refusals.set('initialCommands', { status: 'UNAVAILABLE', times: 99 });
    const running = runTestAgent(server, folder.path, {}, { cancel: cancel.signal });
    await server.until(() => server.heartbeats > 0, 'a heartbeat');
    cancel.abort('SIGTERM');
    expect(await running).toBeNull();
  });

  test('abandoning kills at once and runs no clean-up', async () => {
    using folder = tempFolder();
    const abandon = new AbortController();
    const commands = [
      script('main', ['trap "" TERM', 'echo $$ > pid', 'while :; do sleep 0.05; done']),
      script('always', ['true'], { executionBehaviour: Behaviour.ALWAYS }),
    ];
    await using server = new FakeAgentServer({ serverToken: 'server secret', timeoutInSeconds: 60n, commands });
    await server.start();
    const running = runTestAgent(server, folder.path, {}, { abandon: abandon.signal });
    await waitFor('work/pid', () => existsSync(join(folder.path, 'work/pid')));
    abandon.abort();
    await running;
    expect(server.results).toEqual({ main: 'FAILED', always: 'FAILED' });
    expect(findProcess(pidIn(folder.path, 'pid'))).toBeUndefined();
  });
});

describe('a hub that goes away', () => {
  test('does not disturb the script, and gets everything once it is back', async () => {
    using folder = tempFolder();
    const commands = [
      script('main', ['echo before', 'touch started', 'while ! test -e proceed; do sleep 0.01; done', 'echo after']),
      script('next', ['echo next']),
    ];
    await using server = new FakeAgentServer({ serverToken: 'server secret', timeoutInSeconds: 60n, commands });
    await server.start();
    const running = runTestAgent(server, folder.path);
    await server.until(() => server.streamed('main').includes('before\n'), 'live output');
    await waitFor('work/started', () => existsSync(join(folder.path, 'work/started')));
    await server.cut();
    await Bun.write(join(folder.path, 'work/proceed'), '');
    await Bun.sleep(300);
    await server.start();
    expect(await running).toBeNull();
    expect(server.results).toEqual({ main: 'COMPLETED 0', next: 'COMPLETED 0' });
    expect(server.saved('main')).toEndWith('echo after\nafter\n');
    expect(server.saved('next')).toBe('echo next\nnext\n');
    expect(server.story.flat()).toEqual(['main EXECUTING', 'main COMPLETED', 'next EXECUTING', 'next COMPLETED']);
  }, 20_000);

  test('is streamed to again while the script runs', async () => {
    using folder = tempFolder();
    const commands = [
      script('main', ['echo before', 'while ! test -e proceed; do echo tick; sleep 0.02; done', 'echo last words']),
    ];
    await using server = new FakeAgentServer({ serverToken: 'server secret', timeoutInSeconds: 60n, commands });
    await server.start();
    const running = runTestAgent(server, folder.path);
    await server.until(() => server.streamed('main').includes('tick'), 'live output');
    await server.cut();
    await server.start();
    await server.until(() => server.streams.length > 1 && (server.streams.at(-1)?.chunks ?? 0) > 2, 'a second stream');
    await Bun.write(join(folder.path, 'work/proceed'), '');
    await running;
    expect(server.streamed('main')).toEndWith('last words\n');
    expect(server.saved('main')).toEndWith('last words\n');
  }, 20_000);

  test('and leaves out what it has gets a broken stream again from before the break', async () => {
    using folder = tempFolder();
    const commands = [script('main', ['echo before', 'while ! test -e proceed; do echo tick; sleep 0.02; done'])];
    const response = { serverToken: 'server secret', timeoutInSeconds: 60n, commands, resumableLogs: true };
    await using server = new FakeAgentServer(response);
    await server.start();
    const running = runTestAgent(server, folder.path);
    await server.until(() => server.streamed('main').includes('tick'), 'live output');
    await server.cut();
    await server.start();
    await server.until(() => server.streams.length > 1 && (server.streams.at(-1)?.chunks ?? 0) > 2, 'a second stream');
    await Bun.write(join(folder.path, 'work/proceed'), '');
    await running;
    const [first, last] = [server.streams[0], server.streams.at(-1)];
    expect(first?.offset).toBe(0);
    const begin = last?.offset ?? -1;
    const whole = `${first?.text.slice(0, begin)}${last?.text}`;
    expect(whole).toMatch(/^echo before\nbefore\nwhile [^\n]*\n(?:tick\n)+$/);
    expect(whole).toStartWith(first?.text ?? 'nothing');
    expect(server.saves).toEqual([]); // P7: the server has confirmed all of it
  }, 20_000);

  test('and refuses the final report is told to the worker', async () => {
    using folder = tempFolder();
    const commands = [script('main', ['true'])];
    await using server = new FakeAgentServer({ serverToken: 'server secret', timeoutInSeconds: 60n, commands });
    await server.start();
    server.refusals.set('reportAgentFinished', { status: 'NOT_FOUND', times: 9 });
    expect(await runTestAgent(server, folder.path)).toContain('the final report was not taken');
    expect(server.refusals.get('reportAgentFinished')?.times).toBe(8);
  });
});
