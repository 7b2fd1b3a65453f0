import { describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { MASK } from '../../src/agent/masker.ts';
import { findProcess } from '../../src/platform/process-table.ts';
import {
  Command_CommandExecutionBehavior as Behaviour,
  type Command,
  CommandSchema,
} from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { FakeAgentServer, script } from '../support/fake-agent-server.ts';
import { type LogLine, memoryLogger } from '../support/logger.ts';
import { agentResult } from '../support/run-test-agent.ts';
import { tempFolder } from '../support/temp-folder.ts';

interface Setting {
  readonly environment?: Record<string, string>;
  readonly timeoutInSeconds?: bigint;
  readonly failedAtLeastOnce?: boolean;
  readonly secretsToMask?: string[];
}

async function run(commands: readonly Command[], setting: Setting = {}, options = {}) {
  using folder = tempFolder();
  const response = { serverToken: 'server secret', timeoutInSeconds: 60n, commands: [...commands], ...setting };
  await using server = new FakeAgentServer(response);
  await server.start();
  const startMs = performance.now();
  const lines: LogLine[] = [];
  const result = await agentResult(server, folder.path, { ...options, deps: { log: memoryLogger(lines) } });
  const read = (name: string) => {
    const path = join(folder.path, 'work', name);
    return existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
  };
  return { server, result, lines, read, pid: Number(read('pid')), tookMs: performance.now() - startMs };
}

const on = (executionBehaviour: Behaviour) => ({ executionBehaviour });
const background = (name: string, scripts: string[]) =>
  create(CommandSchema, { name, instruction: { case: 'backgroundScriptInstruction', value: { scripts } } });

// The numbers are those of the specification of the agent.
describe('13.8 execution behaviour', () => {
  test('a failure, what follows it, and what does not', async () => {
    const { server } = await run([
      script('fails', ['false']),
      script('on_failure', ['true'], on(Behaviour.ON_FAILURE)),
      script('always', ['true'], on(Behaviour.ALWAYS)),
      script('later', ['true']),
    ]);
    expect(server.results).toEqual({
      fails: 'FAILED 1',
      on_failure: 'COMPLETED 0',
      always: 'COMPLETED 0',
      later: 'SKIPPED',
    });
  });

  test('a failure in an earlier container is carried on', async () => {
    const commands = [script('plain', ['true']), script('on_failure', ['true'], on(Behaviour.ON_FAILURE))];
    const { server } = await run(commands, { failedAtLeastOnce: true });
    expect(server.results).toEqual({ plain: 'SKIPPED', on_failure: 'COMPLETED 0' });
  });
});

describe('13.9 scripts', () => {
  test('two echo lines', async () => {
    const { server } = await run([script('main', ["echo 'Foo'", "echo 'Bar'"])]);
    expect(server.saved('main')).toBe("echo 'Foo'\nFoo\necho 'Bar'\nBar\n");
  });

  test('the limit of time', async () => {
    const { server } = await run([script('main', ['sleep 60'])], { timeoutInSeconds: 1n });
    expect(server.saved('main')).toBe('sleep 60\n\nTimed out!\n');
    expect(server.finished[0]?.commandResults.at(-1)?.signaledToExit).toBe(false);
  }, 15_000);

  test('a child in the background is gone after the limit, and R2: a direct program too', async () => {
    const commands = [script('main', ['sleep 86400 & echo $! > pid; wait'])];
    const { pid } = await run(commands, { timeoutInSeconds: 1n });
    expect(pid).toBeGreaterThan(0);
    expect(findProcess(pid)).toBeUndefined();
    const direct = { CIRRUS_SHELL: 'direct' };
    const line = `sh -c 'echo $PPID > ppid; echo $$ > pid; while :; do sleep 0.05; done'`.replaceAll('$', '$$$$');
    const second = await run([script('main', [line])], { timeoutInSeconds: 1n, environment: direct });
    expect(second.pid).toBeGreaterThan(0);
    expect(findProcess(second.pid)).toBeUndefined();
  }, 20_000);

  test('escaping processes do not hold up the step', async () => {
    const environment = { CIRRUS_ESCAPING_PROCESSES: '1' };
    const { server, pid } = await run([script('main', ['sleep 60 & echo $! > pid', 'sleep 0.1'])], { environment });
    process.kill(pid, 'SIGKILL');
    expect(server.results).toEqual({ main: 'COMPLETED 0' });
    expect(Number(server.finished[0]?.commandResults.at(-1)?.durationInNanos)).toBeLessThan(20e9);
  });

  test('a shell that does not exist, and a folder that does not', async () => {
    const { server } = await run([script('main', ['true'])], { environment: { CIRRUS_SHELL: '/no/shell' } });
    expect(server.results).toEqual({ main: 'FAILED' });
    expect(server.saved('main')).toContain('program /no/shell was not found');
    using folder = tempFolder();
    const fresh = { CIRRUS_WORKING_DIR: join(folder.path, 'not/yet') };
    expect((await run([script('main', ['pwd'])], { environment: fresh })).server.saved('main')).toBe(
      `pwd\n${fresh.CIRRUS_WORKING_DIR}\n`,
    );
  });

  test('direct: the environment, every line (C18), and a line that cannot be split', async () => {
    const environment = { CIRRUS_SHELL: 'direct' };
    const lines = ["bash -c 'echo $CIRRUS_SHELL'", '', 'echo second'];
    const { server } = await run([script('main', lines)], { environment });
    expect(server.saved('main')).toBe('direct\nsecond\n');
    const broken = await run([script('main', ['echo "open'])], { environment });
    expect(broken.server.results).toEqual({ main: 'FAILED' });
    expect(broken.server.finished).toHaveLength(1);
  });

  test('C18: every line of a direct background script runs, and an early end is told', async () => {
    const environment = { CIRRUS_SHELL: 'direct' };
    const lines = ['touch one', 'touch two', "sh -c 'exit 5'", 'touch never'];
    const wait = script('wait', ["bash -c 'until test -e two; do sleep 0.02; done; sleep 0.2'"]);
    const { server, read } = await run([background('server', lines), wait], { environment });
    expect(server.saved('server')).toEndWith('\nExit status: 5\n');
    expect(read('never')).toBe('');
    expect(server.results).toEqual({ server: 'COMPLETED', wait: 'COMPLETED 0' });
  });

  test('R5: clean-up ends whatever a background script started', async () => {
    const commands = [
      background('server', ['sh -c \'echo $$ > pid; trap "" TERM; while :; do sleep 0.05; done\' & wait']),
      script('wait', ['while ! test -s pid; do sleep 0.02; done']),
    ];
    const { pid } = await run(commands);
    expect(pid).toBeGreaterThan(0);
    expect(findProcess(pid)).toBeUndefined();
  }, 15_000);
});

describe('13.3 CIRRUS_ENV', () => {
  test('an empty value overwrites, and what a shell unsets is not unset for the next step', async () => {
    const { server } = await run([
      script('first', ['echo "FOO_TOKEN=foo-token" >> $CIRRUS_ENV; echo "BAR=bar" >> $CIRRUS_ENV']),
      script('second', ['echo "FOO_TOKEN=" >> $CIRRUS_ENV', 'unset BAR']),
      script('third', ['echo "[$FOO_TOKEN] [$BAR]"']),
    ]);
    expect(server.saved('third')).toEndWith('\n[] [bar]\n');
  });

  test('C2: values are results, not references; C16: a failing step exports too, several lines are one value', async () => {
    const lines = ["printf 'PRICE=$5 %%PATH%% $$\\nTEXT<<E\\none\\ntwo\\nE\\n' >> $CIRRUS_ENV", 'false'];
    const { server } = await run([
      script('first', lines),
      script('second', ['echo "$PRICE"; echo "$TEXT"'], on(Behaviour.ALWAYS)),
    ]);
    expect(server.saved('second')).toEndWith('\n$5 %PATH% $$\none\ntwo\n');
  });

  test('C16: too much is told; C17: what the same file calls sensitive is hidden', async () => {
    const { server } = await run([
      script('large', ['head -c 1100000 /dev/zero | tr "\\0" x >> $CIRRUS_ENV']),
      script('secret', ['echo "VALUE=hide-this-value" >> $CIRRUS_ENV; echo "CIRRUS_ENV_SENSITIVE=1" >> $CIRRUS_ENV']),
      script('show', ['echo "<$VALUE>"']),
    ]);
    expect(server.saved('large')).toContain('more than the allowed 1 MiB');
    expect(server.saved('show')).toEndWith(`\n<${MASK}>\n`);
  });

  test('C16: what a background script exports arrives while it runs', async () => {
    const { server } = await run([
      background('server', ['echo PORT=4711 >> $CIRRUS_ENV; touch up; sleep 600']),
      script('wait', ['while ! test -e up; do sleep 0.02; done']),
      script('use', ['echo "port $PORT"']),
    ]);
    expect(server.saved('use')).toEndWith('\nport 4711\n');
  });
});

describe('13.4 masking', () => {
  test('S5: final values are hidden, longest first; S6: what the server calls secret; S4: with timestamps', async () => {
    const environment = {
      REAL: 's3cr3t-value',
      MY_TOKEN: `\${REAL}`,
      api_key: 'lower-case-key',
      CIRRUS_LOG_TIMESTAMP: 'true',
    };
    const { server } = await run(
      [
        script('main', [
          'printf "s3cr3t-"; sleep 0.1; echo value; echo $api_key; echo "first line"; echo "second line"',
        ]),
      ],
      { environment, secretsToMask: ['first line\nsecond line'] },
    );
    const shown = (server.saved('main') ?? '').split('\n').map((line) => line.slice(15));
    expect(shown.slice(1, 5)).toEqual([MASK, MASK, MASK, '']);
    expect(server.streamed('main')).toBe(server.saved('main') ?? '');
  });
});

describe('what ends a step', () => {
  test('S2: only its own processes are listed, in the log of the agent and not in its own', async () => {
    const { lines, server } = await run([script('main', ['sleep 543.21'])], { timeoutInSeconds: 1n });
    const ended = lines.find(({ message }) => message === 'step was ended');
    expect(String(ended?.fields.running)).toContain('sleep 543.21');
    expect(String(ended?.fields.running)).not.toContain('bun test');
    expect(server.saved('main')).not.toMatch(/\d+ sleep 543/);
  }, 15_000);

  test('C23: a limit of zero is none that was meant, and names with slashes have logs', async () => {
    const { server } = await run([script('a/b/../c', ['echo fine'])], { timeoutInSeconds: 0n });
    expect(server.saved('a/b/../c')).toBe('echo fine\nfine\n');
  });

  test('C13: an early clean-up step takes nothing from the time that clean-up has after the limit', async () => {
    const { server } = await run(
      [
        script('early', ['true'], on(Behaviour.ALWAYS)),
        script('main', ['sleep 600']),
        script('diagnosis', ['true'], on(Behaviour.ON_FAILURE)), // C14
        script('late', ['sleep 0.2; echo done'], on(Behaviour.ON_TIMEOUT)),
      ],
      { timeoutInSeconds: 1n },
    );
    expect(server.results).toEqual({
      early: 'COMPLETED 0',
      main: 'FAILED',
      diagnosis: 'COMPLETED 0',
      late: 'COMPLETED 0',
    });
  }, 15_000);
});

test('L2: a copy of a log that is refused for a while is sent until it is taken', async () => {
  using folder = tempFolder();
  const commands = [script('main', ['echo text'])];
  await using server = new FakeAgentServer({ serverToken: 'server secret', timeoutInSeconds: 60n, commands });
  await server.start();
  server.refusals.set('saveLogs', { status: 'UNAVAILABLE', times: 2 });
  expect((await agentResult(server, folder.path)).problem).toBeNull();
  expect(server.saved('main')).toBe('echo text\ntext\n');
});
