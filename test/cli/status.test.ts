import { describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { CliContext } from '../../src/cli/context.ts';
import { run } from '../../src/cli/status.ts';
import { AppError } from '../../src/lib/errors.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { openControlSocket } from '../../src/supervisor/control-socket.ts';
import { buildReport, statusExitCode } from '../../src/supervisor/status-report.ts';
import { HOUR, NEW, tasks } from '../supervisor/policy-support.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { tempFolder } from '../support/temp-folder.ts';

function context(colour = false) {
  const [stop, hurry] = [new AbortController(), new AbortController()];
  const printed = { out: '', err: '' };
  const output = (name: 'out' | 'err') => ({
    write: (text: string) => {
      printed[name] += text;
    },
    isTty: colour,
    colour,
    columns: 80,
  });
  const made: CliContext = {
    env: {},
    stdout: output('out'),
    stderr: output('err'),
    onHangup: () => {},
    stop: stop.signal,
    hurry: hurry.signal,
  };
  return { context: made, printed, stop };
}

const serving = {
  ...NEW,
  phase: 'serving',
  reason: 'the worker is registered',
  worker: { tag: 'up' },
  intake: 'open',
  running: tasks(1),
} as const;
const report = buildReport({
  name: 'Mac-7',
  mode: 'builtin',
  armed: false,
  cloud: { source: 'none', readyTag: null, lastAnswerWallMs: null },
  user: 'ci',
  process: { pid: 4711, startedWallMs: Date.UTC(2026, 0, 1) },
  state: serving,
  deadlines: [{ rule: 'lifetime', dueAgeMs: 48 * HOUR, suspended: false }],
  ageMs: 3 * HOUR,
  wallMs: Date.UTC(2026, 0, 1, 3),
  disk: { path: '/', freeBytes: 7 * 2 ** 30 },
});

async function served(exitCode = 0) {
  const folder = tempFolder();
  const path = `${folder.path}/s.sock`;
  const signal = new AbortController().signal;
  const socket = await openControlSocket(
    path,
    { status: () => ({ pid: 1, exitCode, status: report }) },
    systemClock,
    signal,
  );
  return {
    path,
    folder: folder.path,
    [Symbol.dispose]() {
      socket.close();
      folder[Symbol.dispose]();
    },
  };
}

test('--json prints the documented object to the letter', async () => {
  using here = await served();
  const { context: cli, printed } = context();
  expect(await run(['--json', '--socket', here.path], cli)).toBe(0);
  expect(JSON.parse(printed.out)).toEqual({
    version: expect.any(String),
    name: 'Mac-7',
    phase: 'serving',
    reason: 'the worker is registered',
    armed: false,
    launchedAt: '2026-01-01T00:00:00.000Z',
    now: '2026-01-01T03:00:00.000Z',
    ageSeconds: 10_800,
    deadlines: [{ rule: 'lifetime', dueAt: '2026-01-03T00:00:00.000Z', inSeconds: 162_000, suspended: false }],
    worker: {
      mode: 'builtin',
      user: 'ci',
      pid: 4711,
      startedAt: '2026-01-01T00:00:00.000Z',
      restarts: 0,
      intake: 'open',
      running: [{ id: '0', startedAt: '2026-01-01T00:00:00Z' }],
    },
    ready: { tag: null, value: null, since: null },
    metadata: { source: 'none', reachable: null, lastAnswerAt: null },
    disk: { path: '/', freeBytes: 7 * 2 ** 30 },
    shutdown: null,
  });
});

test('the table tells it to people, with colours only where they are wanted', async () => {
  using here = await served(3);
  const plain = context();
  expect(await run([`--socket=${here.path}`], plain.context)).toBe(3);
  for (const part of [
    'Mac-7',
    'serving: the worker is registered',
    '3h',
    'in 1d 21h',
    'pid 4711, up 3h, user ci',
    '0, for 3h',
    'open',
    '7.0 GiB free at /',
    'not armed',
  ]) {
    expect(plain.printed.out).toContain(part);
  }
  expect(plain.printed.out).not.toContain('\x1b');
  const tinted = context(true);
  await run(['--socket', here.path], tinted.context);
  expect(tinted.printed.out).toContain('\x1b[31mserving');
});

test('the socket is found through the configuration', async () => {
  using here = await served();
  const file = `${here.folder}/p.yml`;
  writeFileSync(file, `lifetime: { max: 1h }\ncontrol:\n  socket: ${here.path}\n`);
  expect(await run(['--config', file], context().context)).toBe(0);
});

test('nobody there, nobody who answers', async () => {
  using folder = tempFolder();
  const path = `${folder.path}/s.sock`;
  const absent = context();
  expect(await run(['--socket', path], absent.context)).toBe(4);
  expect(absent.printed.err).toBe(`pwagent: no supervisor runs behind ${path}; start it with pwagent run\n`);
  const server = createServer(() => {}).listen(path);
  await settle();
  const [silent, clock] = [context(), new FakeClock()];
  const code = run(['--socket', path], silent.context, clock);
  while (clock.pending === 0) await settle();
  await clock.advance(1_000);
  expect(await code).toBe(3);
  expect(silent.printed.err).toContain('does not answer within a second');
  server.close();
});

test('--watch prints again until it is stopped', async () => {
  using here = await served();
  const [{ context: cli, printed, stop }, clock] = [context(), new FakeClock()];
  const code = run(['--watch', '--json', '--socket', here.path], cli, clock);
  const lines = () => printed.out.split('\n').length - 1;
  while (lines() < 1) await settle();
  await clock.advance(2_000);
  while (lines() < 2) await settle();
  stop.abort('SIGINT');
  expect(await code).toBe(0);
});

describe('wrong usage', () => {
  test.each([
    [['--sokcet', 'x'], "unknown option '--sokcet'", 64],
    [['--socket'], "option '--socket' needs a value", 64],
    [['--socket', 'a', '--config', 'b'], 'exclude each other', 64],
    [['--json=1'], "unknown option '--json=1'", 64],
    [['now'], "unexpected argument 'now'", 64],
    [['--config', '/does/not/exist'], 'there is no such file', 78],
  ] as const)('%j', async (args, told, exitCode) => {
    const error = await run(args, context().context).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AppError);
    expect([(error as AppError).message.includes(told), (error as AppError).exitCode]).toEqual([true, exitCode]);
  });

  test('--help explains', async () => {
    const { context: cli, printed } = context();
    expect(await run(['--help'], cli)).toBe(0);
    expect(printed.out).toContain('--socket <path>');
  });
});

describe('exit codes', () => {
  test.each([
    ['serving', serving, 0],
    ['serving, worker away', { ...serving, worker: { tag: 'waiting', dueAgeMs: 1 } }, 3],
    ['serving, hub refuses', { ...serving, trouble: 'the hub refused the token' }, 3],
    ['serving, disk low', { ...serving, lowDisk: true }, 3],
    ['starting', NEW, 3],
    ['draining', { ...serving, phase: 'draining' }, 1],
    ['withdrawn', { ...serving, phase: 'withdrawn' }, 2],
    ['stopping', { ...serving, phase: 'stopping' }, 1],
    [
      'stopping, a round without effect',
      { ...serving, phase: 'stopping', ladder: { ...NEW.ladder, fruitless: true } },
      3,
    ],
    ['halted', { ...serving, phase: 'halted' }, 1],
  ] as const)('%s', (_title, state, code) => expect(statusExitCode(state)).toBe(code));
});

test('status loads nothing heavy', async () => {
  const script = `
    await import(${JSON.stringify(new URL('../../src/cli/status.ts', import.meta.url).pathname)});
    process.stdout.write(Object.keys(require.cache).filter((path) => path.includes('node_modules')).join(' '));`;
  expect(Bun.spawnSync([process.execPath, '-e', script]).stdout.toString()).toBe('');
});
