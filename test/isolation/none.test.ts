import { expect, test } from 'bun:test';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createNoneInstance } from '../../src/isolation/none/none-isolation.ts';
import { makeWorkingFolder } from '../../src/isolation/none/working-folder.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { findProcess } from '../../src/platform/process-table.ts';
import { memoryLogger } from '../support/logger.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const agentCommand = [process.execPath, resolve(import.meta.dir, 'fixtures/agent.ts')];
const never = new AbortController().signal;

function make(temporary: string, cancelGraceMs = 10_000) {
  return createNoneInstance({ agentCommand, temporary, cancelGraceMs, clock: systemClock, log: memoryLogger() });
}

function taskOf(taskId: string) {
  const environment = { PATH: process.env.PATH ?? '', GREETING: 'hello' };
  return {
    taskId,
    apiEndpoint: 'http://127.0.0.1:1',
    serverSecret: 'SERVER-SECRET',
    clientSecret: 'CLIENT-SECRET',
    environment,
  };
}

test('the secrets reach the agent by descriptor alone, and the folder is gone afterwards', async () => {
  using temporary = tempFolder();
  const instance = await make(temporary.path);
  expect(await instance.run(taskOf('passes'), never)).toEqual({ problem: null });
  const seen = JSON.parse(readFileSync(join(temporary.path, 'cirrus-build/task.json'), 'utf8'));
  expect(seen.task).toMatchObject({ serverToken: 'SERVER-SECRET', clientToken: 'CLIENT-SECRET', taskId: 'passes' });
  expect(seen.argv).toEqual(['--control']);
  expect(seen.env.GREETING).toBe('hello');
  expect(JSON.stringify(seen.env)).not.toContain('SECRET');
  expect(await instance.close()).toEqual([]);
  expect(readdirSync(temporary.path)).toEqual([]);
});

test.each([
  ['complains', 'the server rejected me'],
  ['dies', 'the agent ended unexpectedly with exit code 3'],
])('an agent that %s is a failed run', async (taskId, problem) => {
  using temporary = tempFolder();
  const instance = await make(temporary.path);
  expect(await instance.run(taskOf(taskId), never)).toEqual({ problem });
  await instance.close();
});

test('a cancelled agent that ignores SIGTERM is killed after its grace', async () => {
  using temporary = tempFolder();
  const instance = await make(temporary.path, 200);
  const controller = new AbortController();
  const running = instance.run(taskOf('stubborn'), controller.signal);
  await waitFor('the agent has its task', () => existsSync(join(temporary.path, 'cirrus-build/task.json')));
  controller.abort();
  expect(await running).toEqual({ problem: null });
  await instance.close();
});

test('a daemon that a task leaves in a session of its own is killed', async () => {
  using temporary = tempFolder();
  const instance = await make(temporary.path);
  await instance.run(taskOf('leaves-daemon'), never);
  const pid = Number(readFileSync(join(temporary.path, 'cirrus-build/daemon.pid'), 'utf8'));
  await waitFor('the daemon is gone', () => findProcess(pid) === undefined);
  await instance.close();
});

test('a program that cannot be started rejects with a sentence', async () => {
  using temporary = tempFolder();
  const instance = await createNoneInstance({
    ...{
      agentCommand: ['/nowhere/pwagent'],
      temporary: temporary.path,
      cancelGraceMs: 1,
      clock: systemClock,
      log: memoryLogger(),
    },
  });
  await expect(instance.run(taskOf('passes'), never)).rejects.toThrow('program /nowhere/pwagent was not found');
  await instance.close();
});

test('the first task gets the stable folder, a second beside it another, and the stable one is free again after the first', async () => {
  using temporary = tempFolder();
  const first = await makeWorkingFolder(temporary.path);
  const second = await makeWorkingFolder(temporary.path);
  expect(first.path).toBe(join(temporary.path, 'cirrus-build'));
  expect(second.path).toStartWith(`${first.path}-`);
  await first.remove();
  const third = await makeWorkingFolder(temporary.path);
  expect(third.path).toBe(first.path);
  await second.remove();
  await third.remove();
  expect(readdirSync(temporary.path)).toEqual([]);
});

test('a stable folder that a dead worker left is cleared and taken over', async () => {
  using temporary = tempFolder();
  const path = join(temporary.path, 'cirrus-build');
  mkdirSync(path);
  writeFileSync(join(path, 'old'), 'x');
  writeFileSync(`${path}.owner`, JSON.stringify({ pid: process.pid, started: 'another life' }));
  const folder = await makeWorkingFolder(temporary.path);
  expect(folder.path).toBe(path);
  expect(readdirSync(path)).toEqual([]);
  await folder.remove();
});
