import { describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parentChannel } from '../../src/platform/control-channel.ts';
import { findProcess } from '../../src/platform/process-table.ts';
import { type Child, spawn } from '../../src/platform/processes.ts';
import { selfCommand } from '../../src/platform/self.ts';
import { Command_CommandExecutionBehavior as Behaviour } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { FakeAgentServer, script } from '../support/fake-agent-server.ts';
import { TEST_ENVIRONMENT } from '../support/run-test-agent.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const TWO_STEPS = [
  script('main', ['echo $$ > pid; trap "" TERM; while :; do sleep 0.02; done']),
  script('always', ['echo cleaning'], { executionBehaviour: Behaviour.ALWAYS }),
];

async function serverWith(commands: Parameters<typeof script>[1] | typeof TWO_STEPS) {
  const all = commands.map((command) => (typeof command === 'string' ? script('main', [command]) : command));
  const server = new FakeAgentServer({ serverToken: 's', timeoutInSeconds: 60n, commands: all });
  await server.start();
  return server;
}

async function startControlled(folder: string) {
  const env = { ...TEST_ENVIRONMENT, TMPDIR: folder };
  const child = await spawn({ argv: [...selfCommand(), 'agent', '--control'], env, control: true });
  const messages: unknown[] = [];
  if (child.control === null) throw new Error('no channel');
  const channel = parentChannel(child.control);
  channel.listen(
    (message) => messages.push(message),
    () => {},
  );
  return { child, channel, messages };
}

function taskFor(server: FakeAgentServer, folder: string) {
  const task = { type: 'task', apiEndpoint: server.endpoint, taskId: 'abc', serverToken: 's', clientToken: 'c' };
  return { ...task, workingDirectory: join(folder, 'work') };
}

function scriptPid(folder: string): Promise<number> {
  const path = join(folder, 'work/pid');
  const read = () =>
    existsSync(path) && readFileSync(path, 'utf8').endsWith('\n') && Number(readFileSync(path, 'utf8'));
  return waitFor('the start of the script', read);
}

function ending(child: Child): Disposable {
  return { [Symbol.dispose]: () => child.signalGroup('SIGKILL') };
}

describe('the program', () => {
  test('takes its task over the channel and reports its end there', async () => {
    using folder = tempFolder();
    await using server = await serverWith(['pwd']);
    const { child, channel, messages } = await startControlled(folder.path);
    using _end = ending(child);
    channel.send(taskFor(server, folder.path));
    expect(await child.exited).toEqual({ code: 0, signal: null });
    expect(messages).toEqual([{ type: 'done', problem: null }]);
    expect(server.saved('main')).toBe(`pwd\n${join(folder.path, 'work')}\n`);
    expect(server.initial[0]?.taskIdentification).toBeUndefined(); // the id is no number
  });

  test('kills everything when the worker is gone', async () => {
    using folder = tempFolder();
    await using server = await serverWith(TWO_STEPS);
    const { child, channel } = await startControlled(folder.path);
    using _end = ending(child);
    channel.send(taskFor(server, folder.path));
    const pid = await scriptPid(folder.path);
    child.control?.destroy();
    expect((await child.exited).code).toBe(0);
    expect(findProcess(pid)).toBeUndefined();
    expect(server.saved('main')).toContain('the worker is gone');
  });

  test('cancels the task on SIGTERM, and clean-up runs', async () => {
    using folder = tempFolder();
    await using server = await serverWith([script('main', ['echo $$ > pid; sleep 600']), ...TWO_STEPS.slice(1)]);
    const { child, channel, messages } = await startControlled(folder.path);
    using _end = ending(child);
    channel.send(taskFor(server, folder.path));
    await scriptPid(folder.path);
    child.signal('SIGTERM');
    expect((await child.exited).code).toBe(0);
    expect(messages).toEqual([{ type: 'done', problem: null }]);
    expect(server.results).toEqual({ main: 'FAILED', always: 'COMPLETED 0' });
  });

  test('tells why it could not do its work', async () => {
    using folder = tempFolder();
    await using server = await serverWith(['true']);
    const { child, channel, messages } = await startControlled(folder.path);
    using _end = ending(child);
    channel.send({ ...taskFor(server, folder.path), serverToken: 'another' });
    expect((await child.exited).code).toBe(69); // C26
    expect(messages).toMatchObject([{ type: 'done', problem: expect.stringContaining('wrong server token') }]);
  });

  test('refuses something that is no task', async () => {
    using folder = tempFolder();
    const { child, channel, messages } = await startControlled(folder.path);
    using _end = ending(child);
    channel.send({ type: 'task', taskId: 7 });
    expect((await child.exited).code).toBe(64);
    expect(messages).toMatchObject([{ type: 'done', problem: expect.stringContaining('no task') }]);
  });

  test('takes the flags of existing launchers', async () => {
    using folder = tempFolder();
    await using server = await serverWith(['pwd']);
    const flags = ['-api-endpoint', server.endpoint, '-task-id=5', '--server-token', 's', '-client-token=c'];
    const place = ['-pre-created-working-dir', join(folder.path, 'here')];
    const env = { ...TEST_ENVIRONMENT, TMPDIR: folder.path };
    const child = await spawn({ argv: [...selfCommand(), 'agent', ...flags, ...place], env });
    using _end = ending(child);
    expect((await child.exited).code).toBe(0);
    expect(server.saved('main')).toBe(`pwd\n${join(folder.path, 'here')}\n`);
  });

  test('-stop-hook tells the hub that the machine stops, and nothing else; 69 when it cannot', async () => {
    await using server = await serverWith(['true']);
    const flags = ['-stop-hook', '-api-endpoint', server.endpoint, '-task-id=5', '-client-token=c'];
    const stopHook = async () => {
      const child = await spawn({ argv: [...selfCommand(), 'agent', ...flags], env: TEST_ENVIRONMENT });
      using _end = ending(child);
      return (await child.exited).code;
    };
    expect(await stopHook()).toBe(0);
    expect({ told: server.stopHooks, asked: server.initial.length, beats: server.heartbeats }).toEqual({
      told: 1,
      asked: 0,
      beats: 0,
    });
    server.refusals.set('reportStopHook', { status: 'UNAVAILABLE', times: 9 });
    expect(await stopHook()).toBe(69);
  });

  test('an unknown flag is a usage error', async () => {
    const child = await spawn({ argv: [...selfCommand(), 'agent', '-nope'], env: TEST_ENVIRONMENT });
    using _end = ending(child);
    expect((await child.exited).code).toBe(64);
  });
});
