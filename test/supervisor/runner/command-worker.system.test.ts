import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { systemClock } from '../../../src/platform/clock.ts';
import { listProcesses, type ProcessInfo } from '../../../src/platform/process-table.ts';
import { sendSignal } from '../../../src/platform/processes.ts';
import { currentUser } from '../../../src/platform/users.ts';
import type { WorkerMessage } from '../../../src/platform/worker-link.ts';
import { CommandWorker } from '../../../src/supervisor/runner/command-worker.ts';
import { type PresetName, presetOf } from '../../../src/supervisor/runner/presets.ts';
import type { RunnerPlan } from '../../../src/supervisor/runner/runner-plan.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { waitFor } from '../../support/wait-for.ts';
import { recordingLog } from '../recording-log.ts';
import './real-runner-cases.ts';
import { STAND_INS } from './stand-ins.ts';

setDefaultTimeout(30_000); // a bound for a machine under load

const never = new AbortController().signal;

/** A command worker in a folder of its own, with what it said and what was signalled. */
async function working(argv: (folder: string) => readonly string[], runner: Partial<RunnerPlan>, clock = systemClock) {
  const folder = tempFolder();
  const messages: WorkerMessage[] = [];
  const exits: { code: number | null; why: string; left: readonly unknown[] }[] = [];
  const signals: string[] = [];
  const { log, lines } = recordingLog();
  const looks: number[] = [];
  const output: string[] = [];
  const worker = new CommandWorker(
    {
      plan: {
        user: currentUser(),
        argv: argv(folder.path),
        env: { PATH: '/usr/bin:/bin' },
        cwd: folder.path,
        switchTo: undefined,
        killWholeUser: false,
        setup: undefined,
      },
      runner: {
        busy: { shape: undefined, patterns: [] },
        drain: { tag: 'none' },
        undrain: undefined,
        progressFile: undefined,
        ...runner,
      },
      drainPollMs: 5_000,
      graceMs: 300,
      clock,
      log,
      processes: {
        ownPid: process.pid,
        list: () => {
          looks.push(clock.monoMs());
          return ofFolder(folder.path);
        },
        signal: (pid, name) => {
          signals.push(`${name} ${pid}`);
          sendSignal(pid, name);
        },
      },
      output: (data) => void output.push(new TextDecoder().decode(data)),
      leave: never,
      events: {
        message: (message) => void messages.push(message),
        exited: (exit) => void exits.push(exit),
        marksChanged() {},
      },
    },
    [],
  );
  await worker.start();
  const seen = () => (existsSync(`${folder.path}/seen`) ? readFileSync(`${folder.path}/seen`, 'utf8') : '');
  return {
    worker,
    messages,
    exits,
    signals,
    lines,
    looks,
    output,
    folder: folder.path,
    seen,
    /** Looks until it is so. */
    until: (what: string, condition: () => boolean) =>
      waitFor(what, () => {
        worker.left();
        return condition();
      }),
    state: () => messages.filter((message) => message.type === 'state').at(-1),
    async [Symbol.asyncDispose]() {
      worker.kill();
      for (const { pid } of ofFolder(folder.path)) sendSignal(pid, 'SIGKILL'); // what no rule could attribute
      await waitFor('all gone', () => ofFolder(folder.path).length === 0); // a false clock would wait for ever
      await worker.end(AbortSignal.abort());
      folder[Symbol.dispose]();
    },
  };
}

/** The processes that work in a folder, and our children, one of which may not show its name yet: other tests run stand-ins too. */
function ofFolder(folder: string): ProcessInfo[] {
  const table = listProcesses();
  const own = table.filter(
    ({ command, pid, ppid }) => pid !== process.pid && (command.includes(folder) || ppid === process.pid),
  );
  return table.filter((info) => own.includes(info) || own.some(({ pid }) => pid === info.ppid));
}

const preset = (name: PresetName) => ({
  busy: { shape: presetOf(name).shape, patterns: [] },
  drain: presetOf(name).drain,
});

async function standIn(name: Exclude<PresetName, 'none'>) {
  const here = await working((folder) => STAND_INS[name](folder), preset(name));
  await waitFor('the runner', () => here.seen().includes('start'));
  return here;
}

async function busyStandIn(name: Exclude<PresetName, 'none'>) {
  const here = await standIn(name);
  await beginJob(here);
  return here;
}

async function beginJob(here: Awaited<ReturnType<typeof working>>) {
  writeFileSync(`${here.folder}/queue`, '');
  await waitFor('a job', () => here.seen().includes('job '));
  await here.until('seen as busy', () => here.worker.left().length === 1);
}

const finish = (folder: string) => writeFileSync(`${folder}/finish`, '');

describe.each(['github-actions', 'buildkite', 'gitlab', 'forgejo', 'cirrus'] as const)('%s', (name) => {
  test('serves at once, is idle, then busy, then idle', async () => {
    await using here = await standIn(name);
    await waitFor('serving', () => here.messages.length === 2);
    expect(here.messages).toEqual([{ type: 'registered' }, { type: 'state', intake: 'open', running: [] }]);
    await beginJob(here);
    expect(here.state()).toMatchObject({ intake: 'open', running: [{ id: expect.stringMatching(/^process \d+$/) }] });
    finish(here.folder);
    await here.until('idle', () => here.worker.left().length === 0);
    expect([here.seen().includes('finished'), here.signals]).toEqual([true, []]);
  });

  test('idle and drained: one signal, the runner leaves, and that is no death', async () => {
    await using here = await standIn(name);
    here.worker.send({ type: 'pause' });
    here.worker.send({ type: 'pause' });
    await here.until('gone', () => here.worker.process === undefined);
    expect([here.exits, here.signals.length]).toEqual([[], 1]);
    expect(here.state()).toMatchObject({ intake: 'paused', running: [] });
  });

  test('busy and drained: the job ends well, no other begins, the runner leaves, and resumed it comes again', async () => {
    await using here = await busyStandIn(name);
    here.worker.send({ type: 'pause' });
    for (let look = 0; look < 5; look += 1) here.worker.left();
    const waits = presetOf(name).drain;
    const told = waits.tag === 'signal' && waits.when === 'at-once' ? 1 : 0;
    expect(here.signals).toHaveLength(told);
    expect(here.state()).toMatchObject({ intake: told === 1 ? 'paused' : 'open' });
    finish(here.folder);
    await here.until('gone and idle', () => here.worker.process === undefined && here.worker.left().length === 0);
    expect([here.seen().includes('finished'), here.seen().includes('cancelled'), here.exits]).toEqual([
      true,
      false,
      [],
    ]);
    expect(here.signals).toHaveLength(1);
    here.worker.send({ type: 'resume' });
    await here.until('a second runner', () => (here.seen().match(/^start/gm) ?? []).length === 2);
    expect(here.state()).toMatchObject({ intake: 'open' });
  });

  test('a death that nobody asked for is told, with the job that goes on', async () => {
    await using here = await busyStandIn(name);
    sendSignal(here.worker.process?.pid ?? 0, 'SIGKILL');
    await waitFor('the exit', () => here.exits.length > 0);
    const knownByName = name !== 'gitlab' && name !== 'forgejo'; // theirs are known as children of the runner alone
    expect(here.exits).toMatchObject([{ code: null, left: { length: knownByName ? 1 : 0 } }]);
  });
});

const SLEEPER = (folder: string) => ['/bin/sh', '-c', 'sleep 60; :', folder];

describe('orders', () => {
  test('without a way to drain it runs on, untouched, and its intake is open', async () => {
    await using here = await working(SLEEPER, {});
    here.worker.send({ type: 'pause' });
    here.worker.left();
    expect([here.signals, here.state()]).toEqual([[], { type: 'state', intake: 'open', running: [] }]);
  });

  test('commands drain and undrain, once each, told the runner', async () => {
    const note = (word: string) =>
      ({ tag: 'command', argv: ['/bin/sh', '-c', `echo ${word} $PWAGENT_RUNNER_PID >> seen`] }) as const;
    await using here = await working(SLEEPER, { drain: note('drained'), undrain: note('undrained') });
    const pid = here.worker.process?.pid;
    here.worker.send({ type: 'pause' });
    here.worker.send({ type: 'pause' });
    await waitFor(
      'paused',
      () => here.state()?.type === 'state' && here.messages.some((m) => m.type === 'state' && m.intake === 'paused'),
    );
    here.worker.send({ type: 'resume' });
    await waitFor('resumed', () => here.messages.filter((m) => m.type === 'state').length === 3);
    expect(here.seen()).toBe(`drained ${pid}\nundrained ${pid}\n`);
    expect([here.state(), here.worker.process?.pid]).toEqual([{ type: 'state', intake: 'open', running: [] }, pid]);
  });

  test('a drain that fails is said once, leaves the intake open, and is tried again at the next look', async () => {
    const drain = { tag: 'command', argv: ['/bin/sh', '-c', 'echo x >> seen; exit 3'] } as const;
    await using here = await working(SLEEPER, { drain });
    here.worker.send({ type: 'pause' });
    await waitFor('said', () => here.lines.length > 0);
    await here.until('tried again', () => here.seen().length >= 6);
    expect(here.lines.map(({ fields }) => fields.error)).toEqual(['/bin/sh ended with code 3']);
    expect(here.state()).toMatchObject({ intake: 'open' });
  });

  test('a preset that names another runner is said, and nobody is signalled', async () => {
    await using here = await working(SLEEPER, preset('gitlab'));
    here.worker.send({ type: 'pause' });
    expect(here.signals).toEqual([]);
    expect(here.lines[0]?.fields.error).toContain('worker.busy.preset');
  });

  test('its output is a real pipe, and what outlives it may go on writing', async () => {
    const script = 'echo out > /dev/stdout; echo err > /dev/stderr; (sleep 0.3; echo late) & exit 3';
    await using here = await working((folder) => ['/bin/sh', '-c', script, folder], {});
    await waitFor('the exit', () => here.exits.length > 0);
    await waitFor('the last words', () => here.output.join('') === 'out\nerr\nlate\n');
  });

  test('a runner that leaves at once because it cannot work has never served', async () => {
    const clock = new FakeClock();
    await using here = await working(() => ['/bin/sh', '-c', 'exit 78'], {}, clock);
    await waitFor('the exit', () => here.exits.length > 0);
    await clock.advance(60_000);
    expect([here.exits, here.messages]).toEqual([[{ code: 78, left: [], why: expect.any(String) }], []]);
  });

  test('a runner that cannot be started is told as such', async () => {
    await using here = await working(() => ['/does/not/exist'], {});
    expect(here.exits).toMatchObject([{ code: 78 }]);
    expect(here.messages).toEqual([]);
  });
});

describe('cadence', () => {
  test('once a minute while it serves, by drain-poll while it drains', async () => {
    const clock = new FakeClock();
    await using here = await working(SLEEPER, {}, clock);
    const looksIn = async (ms: number) => {
      here.looks.length = 0;
      for (let passed = 0; passed < ms; passed += 1_000) {
        await clock.advance(1_000);
        here.worker.refresh();
      }
      return here.looks.length;
    };
    await looksIn(1_000); // the first look, when it has settled
    expect(await looksIn(120_000)).toBe(2);
    here.worker.send({ type: 'pause' });
    expect(await looksIn(20_000)).toBe(4);
  });

  test('progress is a change of the file; without one the silence grows', async () => {
    const clock = new FakeClock();
    using folder = tempFolder();
    const path = `${folder.path}/progress`;
    await using here = await working(SLEEPER, { progressFile: path }, clock);
    await clock.advance(60_000);
    expect(here.worker.silentMs()).toBe(60_000);
    writeFileSync(path, '');
    expect(here.worker.silentMs()).toBe(0);
    await clock.advance(30_000);
    expect(here.worker.silentMs()).toBe(30_000);
    utimesSync(path, 5, 5);
    expect(here.worker.silentMs()).toBe(0);
    here.worker.kill();
    await waitFor('death', () => here.worker.process === undefined);
    await settle();
    expect(here.worker.silentMs()).toBeNull();
  });
});
