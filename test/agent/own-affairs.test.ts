import { describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { AgentReports } from '../../src/agent/agent-reports.ts';
import { MASK } from '../../src/agent/masker.ts';
import { OwnLog } from '../../src/agent/own-log.ts';
import { portsOf, waitForPorts } from '../../src/agent/port-wait.ts';
import { SecretSet } from '../../src/agent/secret-set.ts';
import type { TaskApi } from '../../src/agent/task-api.ts';
import { AppError } from '../../src/lib/errors.ts';
import { RpcError } from '../../src/rpc/rpc-error.ts';
import { FakeAgentServer, script } from '../support/fake-agent-server.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { memoryLogger } from '../support/logger.ts';
import { agentResult, TEST_ENVIRONMENT } from '../support/run-test-agent.ts';
import { tempFolder } from '../support/temp-folder.ts';

const RESPONSE = { serverToken: 'server secret', timeoutInSeconds: 60n };

describe("the agent's own log", () => {
  function ownLog() {
    const secrets = new SecretSet();
    const written: string[] = [];
    return { secrets, written, own: new OwnLog(secrets, { colour: false, write: (line) => written.push(line) }) };
  }

  test('hides secrets on every way out, those that were learnt late too (S2)', () => {
    const { secrets, written, own } = ownLog();
    own.logger.info('learnt late', { value: 'top-secret-value' });
    secrets.add('top-secret-value');
    own.logger.info('known', { value: 'top-secret-value' });
    expect(written[1]).toContain(`known value=${MASK}`);
    expect(own.text()).not.toContain('top-secret-value');
  });

  test('L5: what the server gets is bounded, the newest of it', () => {
    const { own } = ownLog();
    for (let line = 0; line < 300; line += 1) own.logger.info(`line ${line}`, { text: 'x'.repeat(10_000) });
    const text = own.text();
    expect(text.length).toBeLessThanOrEqual(1 << 20);
    expect(text).toContain('earlier lines were left out');
    expect(text).toContain('line 299');
    expect(text).not.toContain('line 3 ');
  });

  test('is delivered after the final report', async () => {
    using folder = tempFolder();
    await using server = new FakeAgentServer({ ...RESPONSE, commands: [script('a', ['true'])] });
    await server.start();
    const deps = { ownLog: () => (server.finished.length === 1 ? 'the log' : 'too early') };
    expect(await agentResult(server, folder.path, { deps })).toEqual({ problem: null, exitCode: 0 });
    expect(server.agentLogs).toEqual(['the log']);
  });
});

/** An agent with a script that ends when told, whose listeners the test has. */
async function watched(act: (listeners: Listeners, folder: string) => void) {
  using folder = tempFolder();
  const commands = [script('a', ['touch started; while ! test -e proceed; do sleep 0.01; done'])];
  await using server = new FakeAgentServer({ ...RESPONSE, commands });
  await server.start();
  let listeners: Listeners | undefined;
  let ended = 0;
  const watch = (given: Listeners) => {
    listeners = given;
    return () => {
      ended += 1;
    };
  };
  const running = agentResult(server, folder.path, { deps: { watch } });
  await server.until(() => server.streamed('a') !== '', 'the script runs');
  if (listeners !== undefined) act(listeners, folder.path);
  await settle();
  writeFileSync(join(folder.path, 'work/proceed'), '');
  const result = await running;
  expect(ended).toBe(1);
  return { server, result };
}

interface Listeners {
  readonly onSignal: (name: string) => void;
  readonly onPanic: (error: unknown) => void;
}

test('a signal is reported by its name, and those within a second of it are not', async () => {
  const { server, result } = await watched(({ onSignal }) => {
    onSignal('SIGHUP');
    onSignal('SIGUSR1');
  });
  expect(server.signals).toEqual(['hangup']);
  expect(server.results).toEqual({ a: 'COMPLETED 0' });
  expect(result.exitCode).toBe(0);
});

test('R7: an error that nobody caught is reported with its stack, and the task goes on', async () => {
  const { server, result } = await watched(({ onPanic }) => onPanic(new TypeError('x is not a function')));
  expect(server.problems).toHaveLength(1);
  expect(server.problems[0]?.message).toBe('x is not a function');
  expect(server.problems[0]?.stack).toContain('own-affairs.test.ts');
  expect(server.results).toEqual({ a: 'COMPLETED 0' });
  expect(result.exitCode).toBe(0);
});

describe('exit codes (C26)', () => {
  test.each([
    ['a task that fails', { commands: [script('a', ['exit 3'])] }, {}, 0],
    ['somebody else’s server', { serverToken: 'another' }, {}, 69],
    [
      'a range that is backwards',
      { commands: [script('a', []), script('b', [])] },
      { commandFrom: 'b', commandTo: 'a' },
      64,
    ],
  ])('%s', async (_title, response, options, exitCode) => {
    using folder = tempFolder();
    await using server = new FakeAgentServer({ ...RESPONSE, ...response });
    await server.start();
    expect((await agentResult(server, folder.path, options)).exitCode).toBe(exitCode as 0);
  });

  test('C24: a folder for temporary files that cannot be written is told, with a final report', async () => {
    using folder = tempFolder();
    await using server = new FakeAgentServer({ ...RESPONSE, commands: [script('a', ['true'])] });
    await server.start();
    const result = await agentResult(server, folder.path, { deps: { temporary: join(folder.path, 'none') } });
    expect(result.exitCode).toBe(78);
    expect(server.problems[0]?.message).toContain('TMPDIR must be a folder');
    expect(server.problems[0]?.stack).toBe('');
    expect(server.finished).toHaveLength(1);
  });

  test('C24: no commands end with a final report', async () => {
    using folder = tempFolder();
    await using server = new FakeAgentServer(RESPONSE);
    await server.start();
    expect(await agentResult(server, folder.path)).toEqual({ problem: null, exitCode: 0 });
    expect(server.finished).toHaveLength(1);
  });
});

test('S3: what scripts print is copied on demand, secrets hidden', async () => {
  using folder = tempFolder();
  const environment = { CIRRUS_AGENT_EXPOSE_SCRIPTS_OUTPUTS: '1', MY_TOKEN: 's3cr3t-token' };
  const commands = [
    script('a', ['printf "s3cr3t"; sleep 0.1; printf -- "-token \\303"; sleep 0.1; printf "\\251\\n"']),
  ];
  await using server = new FakeAgentServer({ ...RESPONSE, environment, commands });
  await server.start();
  let copy = '';
  const deps = {
    expose: (text: string) => {
      copy += text;
    },
  };
  await agentResult(server, folder.path, { deps });
  expect(copy).toEndWith(`\n${MASK} é\n`);
});

test('variables that are the agent’s own business do not reach scripts', async () => {
  using folder = tempFolder();
  await using server = new FakeAgentServer({
    ...RESPONSE,
    commands: [script('a', ['env | grep -c "^SENTRY" || true'])],
  });
  await server.start();
  await agentResult(server, folder.path, { process: { ...TEST_ENVIRONMENT, SENTRY_DSN: 'https://x@y/1' } });
  expect(server.saved('a')).toEndWith('\n0\n');
});

describe('ports to wait for', () => {
  test.each([
    [undefined, []],
    ['', []],
    ['5432, 6379,x,,99999,0', [5432, 6379]],
  ])('%j', (setting, ports) => {
    expect(portsOf(setting)).toEqual(ports);
  });

  test('an open one is not waited for; R8: one that stays closed is named after a minute', async () => {
    const listener = createServer().listen(0);
    const { port } = listener.address() as { port: number };
    const clock = new FakeClock();
    const log = memoryLogger();
    const never = new AbortController().signal;
    expect(await waitForPorts([port], { clock, log }, never)).toEqual([]);
    await new Promise((closed) => listener.close(closed));
    const waiting = waitForPorts([port], { clock, log }, never);
    let late: readonly number[] | undefined;
    void waiting.then((ports) => {
      late = ports;
    });
    for (let second = 0; second < 200 && late === undefined; second += 1) {
      await clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(late).toEqual([port]);
    expect(clock.monoMs()).toBeGreaterThanOrEqual(60_000);
  });
});

test('reports about the agent: the same trouble once, not without bound, and given up when told', async () => {
  const told: string[] = [];
  const refuse = { on: true };
  const reportError = async (message: string) => {
    if (refuse.on) throw new RpcError('UNAVAILABLE', 'away');
    told.push(message);
  };
  const api = { reportError, reportWarning: reportError } as unknown as TaskApi;
  const clock = new FakeClock();
  const reports = new AgentReports(api, { clock, random: () => 0.5, log: memoryLogger() });
  for (let count = 0; count < 500; count += 1) reports.error(new AppError('CONFIG', `trouble ${count % 200}`));
  refuse.on = false;
  const settled = reports.settle();
  await clock.advance(60_000);
  await settled;
  expect(told).toHaveLength(100);
  refuse.on = true;
  reports.warning('late');
  reports.giveUp();
  await reports.settle();
});
