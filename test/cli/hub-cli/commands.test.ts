import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../../../src/cli/commands.ts';
import { createHttpServer, type HttpServer } from '../../../src/hub/http/http-server.ts';
import { AppError } from '../../../src/lib/errors.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { testContext } from '../../support/cli-context.ts';
import { instructionView } from '../../support/memory-hub.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { type TestHub, testHub } from '../../support/test-hub.ts';

const folder = tempFolder();
const opened: { hub?: TestHub; server?: HttpServer } = {};

beforeAll(async () => {
  opened.hub = await testHub(systemClock);
  opened.server = createHttpServer({ hostname: '127.0.0.1', port: 0, fetch: opened.hub.app.fetch });
});

afterAll(async () => {
  opened.hub?.stop.abort();
  await opened.server?.stop();
  opened.hub?.[Symbol.dispose]();
  folder[Symbol.dispose]();
});

function hub(): TestHub {
  if (opened.hub === undefined) throw new Error('not open');
  return opened.hub;
}

beforeEach(() => {
  hub().core.builds.clear();
  hub().core.put({ id: '7', status: 'FAILED', message: 'fix \u001b[31mit\n\nbody' }, [
    {
      name: 'lint',
      id: '70',
      status: 'FAILED',
      reason: 'instruction "main" failed with exit code 3',
      instructions: [instructionView('main', { status: 'FAILED', exitCode: 3, durationMs: 1200 })],
    },
  ]);
});

async function pwagent(words: readonly string[], env: Record<string, string> = {}) {
  const url = opened.server?.url ?? '';
  const context = testContext({ PWAGENT_HUB: url, PWAGENT_HUB_TOKEN: 'adm', HOME: '/nowhere', ...env });
  const code = await runCommand(words, context).catch((error: unknown) => error);
  return { code, out: context.out(), err: context.err() };
}

async function refusal(words: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { code } = await pwagent(words, env);
  if (!(code instanceof AppError)) throw new Error(`not refused: ${code}`);
  return `${code.code} ${code.message}`;
}

describe('every command', () => {
  const groups = ['builds', 'tasks', 'workers', 'pools', 'tokens', 'crons', 'secrets'];
  const whole = ['logs', 'cancel', 'rerun', 'audit', 'submit'];

  test.each(groups)('pwagent %s --help lists its words', async (group) => {
    const { code, out } = await pwagent([group, '--help']);
    expect([code, out]).toEqual([0, expect.stringContaining(`Usage: pwagent ${group} [WORD]`)]);
  });

  test.each(whole)('pwagent %s --help has examples', async (name) => {
    const { code, out } = await pwagent([name, '--help']);
    expect([code, out]).toEqual([0, expect.stringContaining(`$ pwagent ${name}`)]);
  });

  test.each(['builds', 'tasks', 'workers', 'pools', 'tokens', 'crons', 'secrets', 'audit'])(
    'pwagent %s --json prints one object with the list and what follows',
    async (name) => {
      const { code, out } = await pwagent([name, '--json']);
      const value = JSON.parse(out) as Record<string, unknown>;
      expect([code, Array.isArray(value[name === 'audit' ? 'entries' : name]), value.next]).toEqual([0, true, null]);
    },
  );

  test.each([
    [['tasks', 'wy'], 'USAGE pwagent tasks has no "wy"'],
    [['builds', '--limit', '0'], 'USAGE --limit "0" is not a count'],
    [['tasks', 'why'], "USAGE missing required argument 'id'"],
    [['tasks', 'why', '99'], 'CONFIG hub'],
    [['cancel', '99'], 'CONFIG there is no task or build 99'],
    [['tokens', 'create'], 'USAGE a token is either for a pool or for a role'],
    [['tokens', 'create', '--role', 'read', '--expires', 'x'], 'USAGE --expires "x" is not a duration'],
    [['pools', 'create', 'p', '--max-tasks', 'many'], 'USAGE --max-tasks "many" is not a count'],
    [['crons', 'create', 'n', '--repo', 'r'], 'USAGE required option'],
    [['submit', '--rev', 'abc'], 'USAGE --rev needs --repo'],
    [['submit', '--repo', 'https://h/o/r', '--dir', '.'], 'USAGE --dir and --repo exclude each other'],
    [['submit', '--priority', '101'], 'USAGE --priority "101" is not one'],
    [['logs', '70', 'nope'], 'CONFIG task 70 has no instruction "nope"'],
    [['builds', '--hub', 'ftp://x'], 'CONFIG --hub "ftp://x" is neither'],
    [['builds', '--token-file', '/nowhere/token'], 'CONFIG token file /nowhere/token does not exist'],
  ])('%j is refused', async (words, message) => {
    expect(await refusal(words)).toStartWith(message);
  });

  test('without a token, reading works on this machine, and changing does not', async () => {
    expect((await pwagent(['builds'], { PWAGENT_HUB_TOKEN: '' })).code).toBe(0);
    expect(await refusal(['cancel', '70'], { PWAGENT_HUB_TOKEN: '' })).toStartWith('NO_PERMISSION');
    expect(await refusal(['submit'], { PWAGENT_HUB_TOKEN: '' })).toStartWith('CONFIG no token was given');
  });

  test('a hub that is not there is told with its address', async () => {
    expect(await refusal(['builds', '--hub', 'http://127.0.0.1:1'])).toStartWith('UNAVAILABLE hub http://127.0.0.1:1');
  });
});

describe('builds and tasks', () => {
  test('a table that what the hub says cannot steer', async () => {
    const { out } = await pwagent(['builds']);
    const [head, row] = out.split('\n');
    expect(head).toMatch(/^BUILD +STATUS +CREATED +BRANCH +REVISION +MESSAGE$/);
    expect(row).toMatch(/^7 +✘ failed .* main +abc +fix it$/);
    expect((await pwagent(['tasks', '--build', '7'])).out).toContain('instruction "main" failed with exit code 3');
    expect((await pwagent(['tasks', 'show', '70'])).out).toMatch(/main +script +✘ failed +1s +3/);
    expect((await pwagent(['builds', 'show', '7'])).out).toContain('lint  ✘ failed');
  });

  test('why, decisions', async () => {
    const { out } = await pwagent(['tasks', 'why', '70']);
    expect(out).toStartWith(
      'no registered worker offers os=plan9\n  label os=plan9: workers have linux\n  place 1 of 2',
    );
    expect(JSON.parse((await pwagent(['tasks', 'why', '70', '--json'])).out)).toMatchObject({ kind: 'nobody' });
    expect((await pwagent(['tasks', 'decisions', '70'])).out).toContain('first in line that fits');
  });

  test('cancel and rerun take the id of a task or of a build', async () => {
    hub().control.calls.length = 0;
    for (const words of [
      ['cancel', '70'],
      ['cancel', '7'],
      ['rerun', '70'],
      ['rerun', '7'],
      ['tasks', 'trigger', '70'],
    ]) {
      expect((await pwagent(words)).code).toBe(0);
    }
    expect(hub().control.calls.map((call) => call.replace(/ by .*/, ''))).toEqual([
      'cancel 70',
      'cancel build 7',
      'rerun 70',
      'rerun build 7',
      'trigger 70',
    ]);
  });
});

describe('logs', () => {
  test('of a task, of an instruction, followed', async () => {
    hub().core.log('70', 'main', 'hello\nworld\n');
    expect((await pwagent(['logs', '70'])).out).toBe('hello\nworld\n');
    expect((await pwagent(['logs', '70', 'main'])).out).toBe('hello\nworld\n');
    const followed = await pwagent(['logs', '-f', '7']);
    expect([followed.code, followed.out]).toEqual([1, expect.stringContaining('hello\nworld\n')]);
    expect((await pwagent(['logs', '-f', '70'])).code).toBe(1);
  });
});

describe('administration', () => {
  test('workers', async () => {
    hub().administration.calls.length = 0;
    for (const word of ['pause', 'resume', 'forget']) await pwagent(['workers', word, 'mac 1', '--pool', 'p']);
    expect(hub().administration.calls).toEqual(['pause mac 1 p', 'resume mac 1 p', 'forget mac 1 p']);
  });

  test('pools: durations become seconds, none becomes no limit', async () => {
    await pwagent(['pools', 'create', 'macs', '--queue-limit', '0', '--max-hold', '5s', '--max-workers', '3']);
    const { out } = await pwagent(['pools', 'set', 'macs', '--max-workers', 'none', '--ephemeral', '--json']);
    expect(JSON.parse(out).settings).toMatchObject({
      queueLimitSeconds: 0,
      maxHoldSeconds: 5,
      maxWorkers: null,
      ephemeral: true,
    });
    expect((await pwagent(['pools'])).out).toContain('for ever');
    expect((await pwagent(['pools', 'remove', 'macs'])).code).toBe(0);
  });

  test('tokens: a new one alone on standard output; the others are told without', async () => {
    const created = await pwagent(['tokens', 'create', '--pool', 'default', '--expires', '30d', '--note', 'n']);
    expect([created.out, created.err]).toEqual(['issued-token\n', expect.stringContaining('shown this once')]);
    const id = hub().administration.tokens[0]?.id ?? '';
    expect((await pwagent(['tokens'])).out).toContain('pool default');
    await pwagent(['tokens', 'expire', id, '--in', '1h']);
    expect((await pwagent(['tokens', 'rotate', id, '--overlap', '1m'])).out).toBe('rotated-token\n');
    await pwagent(['tokens', 'revoke', id, '--end-sessions']);
    expect(hub().administration.calls.slice(-3)).toEqual([
      `expire ${id} 3600000`,
      `rotate ${id} 60000`,
      `revoke ${id} true`,
    ]);
  });

  test('crons and secrets; a value comes from a file and is never shown', async () => {
    const cron = ['--repo', 'https://h/o/r', '--branch', 'main', '--cron', '0 2 * * *'];
    expect((await pwagent(['crons', 'create', 'nightly', ...cron])).out).toContain('nightly');
    expect((await pwagent(['crons', 'delete', 'nightly'])).code).toBe(0);
    const file = join(folder.path, 'value');
    writeFileSync(file, 's3cr3t\n');
    const mapped = await pwagent(['secrets', 'map', 'ENCRYPTED[abc]', '--value-file', file]);
    expect([mapped.code, hub().vault.values.get('|ENCRYPTED[abc]')]).toEqual([0, 's3cr3t']);
    const listed = await pwagent(['secrets']);
    expect(listed.out).toContain('ENCRYPTED[abc]');
    expect(listed.out + mapped.out + mapped.err).not.toContain('s3cr3t');
    expect((await pwagent(['secrets', 'remove', 'ENCRYPTED[abc]'])).code).toBe(0);
    writeFileSync(file, '\n');
    expect(await refusal(['secrets', 'map', 'ENCRYPTED[abc]', '--value-file', file])).toContain('the value is empty');
  });
});
