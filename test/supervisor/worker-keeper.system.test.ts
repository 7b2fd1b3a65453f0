import { expect, setDefaultTimeout, test } from 'bun:test';
import { systemClock } from '../../src/platform/clock.ts';
import { findProcess, listProcesses } from '../../src/platform/process-table.ts';
import { sendSignal } from '../../src/platform/processes.ts';
import { currentUser } from '../../src/platform/users.ts';
import type { WorkerMessage } from '../../src/platform/worker-link.ts';
import { type KeeperEvents, WorkerKeeper } from '../../src/supervisor/worker-keeper.ts';
import { tempFolder } from '../support/temp-folder.ts';

setDefaultTimeout(30_000); // a bound for a machine under load

const never = new AbortController().signal;

/** A worker of plain shell that writes its messages to descriptor 3, around what the test wants it to do. */
async function keeping(script: string, whole = false, killed: (pid: number) => void = () => {}) {
  const folder = tempFolder();
  const exits: Parameters<KeeperEvents['exited']>[0][] = [];
  const messages: WorkerMessage[] = [];
  const output: string[] = [];
  const keeper = new WorkerKeeper(
    {
      plan: {
        user: whole ? { name: 'w', uid: 54_321, gid: 54_321, home: '/', shell: '/bin/sh' } : currentUser(),
        argv: ['/bin/sh', '-c', script],
        env: { PATH: '/usr/bin:/bin', DIR: folder.path },
        cwd: folder.path,
        switchTo: undefined,
        killWholeUser: whole,
        setup: () => ({ type: 'setup', name: 'n', configFile: '', configText: '', token: null, passEnvironment: [] }),
      },
      graceMs: 300,
      clock: systemClock,
      processes: {
        ownPid: process.pid,
        list: () => {
          const table = listProcesses();
          return whole
            ? [...table, { pid: 999_999, ppid: 1, pgid: 999_999, uid: 54_321, started: '', command: '' }]
            : table;
        },
        signal: (pid, name) => (Math.abs(pid) === 999_999 ? killed(pid) : void sendSignal(pid, name)),
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
  const until = async (what: string, condition: () => boolean) => {
    const endMs = systemClock.monoMs() + 15_000;
    while (!condition()) {
      if (systemClock.monoMs() > endMs) throw new Error(`did not happen: ${what}; ${output.join('')}`);
      await systemClock.sleep(10, never);
    }
  };
  await keeper.start();
  const dispose = async () => {
    await keeper.end(AbortSignal.abort());
    folder[Symbol.dispose]();
  };
  return { keeper, exits, messages, output, until, folder: folder.path, [Symbol.asyncDispose]: dispose };
}

const RUNNING = `echo '{"type":"state","intake":"open","running":[{"id":"7","startedAt":"2026-01-01T00:00:00Z"}]}' >&3`;

test('a task outlives its worker: it is known, waited for and ended with the rest', async () => {
  await using here = await keeping(`set -m; sleep 60 & echo $! > $DIR/task; sleep 0.1; ${RUNNING}; sleep 60`);
  await here.until('task marked', () => here.keeper.marks.length > 1);
  const task = Number(await Bun.file(`${here.folder}/task`).text());
  process.kill(here.keeper.process?.pid ?? 0, 'SIGKILL');
  await here.until('exit', () => here.exits.length > 0);
  expect(here.exits[0]).toMatchObject({
    code: null,
    why: expect.stringContaining('was killed by SIGKILL'),
    left: [{ id: '7' }],
  });
  expect(here.keeper.left()).toHaveLength(1);
  await here.keeper.end(never);
  expect([findProcess(task), here.keeper.marks]).toEqual([undefined, []]);
});

test('the last words of a worker say why it left', async () => {
  await using here = await keeping('echo noise; echo "pwagent: the token is missing" >&2; exit 78');
  await here.until('exit', () => here.exits.length > 0);
  expect(here.exits[0]).toEqual({
    code: 78,
    why: expect.stringMatching(/ended with code 78: the token is missing$/),
    left: [],
  });
  expect(here.output.join('')).toContain('noise');
  expect(here.keeper.silentMs()).toBeNull();
});

test('what is no message is not passed on', async () => {
  await using here = await keeping(`echo '{"type":"steal"}' >&3; ${RUNNING}; sleep 60`);
  await here.until('message', () => here.messages.length > 0);
  expect(here.messages.map(({ type }) => type)).toEqual(['state']);
});

test('an end that was asked for is no event', async () => {
  await using here = await keeping('trap "" TERM; sleep 60; sleep 60');
  const pid = here.keeper.process?.pid ?? 0;
  await here.keeper.end(never);
  expect([findProcess(pid), here.exits]).toEqual([undefined, []]);
});

test('other processes of the user are ended only where the plan allows it', async () => {
  const killed: number[] = [];
  await using here = await keeping('sleep 60', true, (pid) => void killed.push(pid));
  expect(killed.length).toBeGreaterThan(0); // before a worker starts, too
  await here.keeper.end(AbortSignal.abort());
  expect(new Set(killed)).toEqual(new Set([999_999]));
});
