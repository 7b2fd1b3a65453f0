import { afterEach, describe, expect, test } from 'bun:test';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import {
  descendantsOf,
  findByEnvironment,
  findProcess,
  listProcesses,
  type ProcessInfo,
} from '../../src/platform/process-table.ts';
import { type Child, spawn } from '../../src/platform/processes.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const started: Child[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.signalGroup('SIGKILL');
});

async function start(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Child> {
  const child = await spawn({ argv, env: { PATH: '/usr/bin:/bin', ...env } });
  started.push(child);
  return child;
}

describe('the living', () => {
  test('this process is among them', () => {
    const own = findProcess(process.pid);
    expect(own).toMatchObject({ pid: process.pid, ppid: process.ppid, uid: process.getuid?.() ?? -1 });
    expect(own?.command).toContain('bun');
    expect(listProcesses().find(({ pid }) => pid === process.pid)).toEqual(own as ProcessInfo);
  });

  test('a child shows with its parent, group and command line, and is gone after its end', async () => {
    const child = await start(['sleep', '4242']);
    await waitFor('the program to be there', () => findProcess(child.pid)?.command === 'sleep 4242');
    const info = findProcess(child.pid);
    expect(info).toMatchObject({ pid: child.pid, ppid: process.pid, pgid: child.pid });
    expect(info?.started).not.toBe('');
    child.signal('SIGKILL');
    await child.exited;
    expect(findProcess(child.pid)).toBeUndefined();
  });

  test('a program whose name holds blanks and brackets is read right', async () => {
    using folder = tempFolder();
    const odd = join(folder.path, 'a) S 1 (b');
    symlinkSync(Bun.which('sleep') ?? '/bin/sleep', odd);
    const child = await start([odd, '4242']);
    await waitFor('the program to be there', () => findProcess(child.pid)?.command === `${odd} 4242`);
    expect(findProcess(child.pid)).toMatchObject({ ppid: process.pid, pgid: child.pid });
  });

  test('what has ended but was not waited for does not count', async () => {
    // The shell becomes a program that never waits for the child that ended before.
    const child = await start(['sh', '-c', 'sh -c "exit 0" & exec sleep 4242']);
    await waitFor('the shell to be replaced', () => findProcess(child.pid)?.command === 'sleep 4242');
    await waitFor('only the living', () => descendantsOf(listProcesses(), child.pid).length === 0);
  });

  test('an id that nobody has', () => {
    expect(findProcess(2 ** 30)).toBeUndefined();
  });
});

function row(pid: number, ppid: number): ProcessInfo {
  return { pid, ppid, pgid: pid, uid: 0, started: '', command: '' };
}

describe('descendants', () => {
  test.each([
    ['none', [row(1, 0), row(5, 1)], 5, []],
    ['children before grandchildren', [row(9, 7), row(7, 5), row(8, 5), row(5, 1)], 5, [7, 8, 9]],
    ['strangers are left out', [row(7, 5), row(8, 6), row(9, 8)], 5, [7]],
    ['a process that is its own parent', [row(0, 0), row(1, 0)], 0, [0, 1]],
    ['a circle, as a reused id can make one', [row(5, 7), row(7, 5)], 5, [7, 5]],
  ])('%s', (_name, table, pid, expected) => {
    expect(descendantsOf(table, pid).map((info) => info.pid)).toEqual(expected);
  });

  test('of a real tree', async () => {
    const child = await start(['sh', '-c', 'sh -c "sleep 4243; :"; :']);
    const tree = () => descendantsOf(listProcesses(), child.pid);
    await waitFor('the grandchild', () => tree().some(({ command }) => command === 'sleep 4243'));
    expect(tree().map(({ command }) => command)).toEqual(['sh -c sleep 4243; :', 'sleep 4243']);
  });
});

test('processes are found by a variable, its value exactly', async () => {
  const value = `test-${process.pid}`;
  const child = await start(['sleep', '4242'], { PWAGENT_FIND_ME: value });
  await start(['sleep', '4242'], { PWAGENT_FIND_ME: `${value}0` });
  await waitFor('the program to be there', () => findProcess(child.pid)?.command === 'sleep 4242');
  expect(findByEnvironment('PWAGENT_FIND_ME', value)).toEqual([child.pid]);
  expect(findByEnvironment('PWAGENT_FIND_ME', 'nobody')).toEqual([]);
});
