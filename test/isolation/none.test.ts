import { expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createNoneInstance } from '../../src/isolation/none/none-isolation.ts';
import { WorkingFolders } from '../../src/isolation/none/working-folder.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { openFileLocks } from '../../src/platform/file-lock.ts';
import { findProcess } from '../../src/platform/process-table.ts';
import { memoryLogger } from '../support/logger.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const agentCommand = [process.execPath, resolve(import.meta.dir, 'fixtures/agent.ts')];
const never = new AbortController().signal;

function make(temporary: string, cancelGraceMs = 10_000, command: readonly string[] = agentCommand) {
  const log = memoryLogger();
  const folders = new WorkingFolders({ temporary, locks: openFileLocks(), clock: systemClock, log });
  return createNoneInstance({ agentCommand: command, folders, cancelGraceMs, clock: systemClock, log });
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

test('W29 W34: the secrets reach the agent by descriptor alone, its own files lie in a private folder, and both folders are gone afterwards', async () => {
  using temporary = tempFolder();
  const instance = await make(temporary.path);
  expect(await instance.run(taskOf('passes'), never)).toEqual({ problem: null });
  const seen = JSON.parse(readFileSync(join(temporary.path, 'cirrus-build/task.json'), 'utf8'));
  expect(seen.task).toMatchObject({ serverToken: 'SERVER-SECRET', clientToken: 'CLIENT-SECRET', taskId: 'passes' });
  expect(seen.argv).toEqual(['--control']);
  expect(readdirSync(temporary.path)).toContain(seen.task.privateDirectory.split('/').at(-1));
  expect(seen.env.GREETING).toBe('hello');
  expect(JSON.stringify(seen.env)).not.toContain('SECRET');
  expect(await instance.close()).toEqual([]);
  expect(readdirSync(temporary.path)).toEqual([]);
});

test.each([
  ['complains', 'the server rejected me'],
  ['dies', 'the agent ended unexpectedly with exit code 3'],
  ['is-killed', 'the agent ended unexpectedly with signal SIGKILL, as the system does when memory runs out'],
  ['says-nothing-and-leaves-its-channel', 'the agent ended unexpectedly with exit code 0'],
])('an agent that %s is a failed run', async (taskId, problem) => {
  using temporary = tempFolder();
  const instance = await make(temporary.path);
  expect(await instance.run(taskOf(taskId), never)).toEqual({ problem });
  await instance.close();
});

test('W22: a cancelled agent that ignores SIGTERM is killed after its grace', async () => {
  using temporary = tempFolder();
  const instance = await make(temporary.path, 200);
  const controller = new AbortController();
  const running = instance.run(taskOf('stubborn'), controller.signal);
  await waitFor('the agent has its task', () => existsSync(join(temporary.path, 'cirrus-build/task.json')));
  controller.abort();
  expect(await running).toEqual({ problem: null });
  await instance.close();
});

test('W22: a daemon that a task leaves in a session of its own is killed', async () => {
  using temporary = tempFolder();
  const instance = await make(temporary.path);
  await instance.run(taskOf('leaves-daemon'), never);
  const pid = Number(readFileSync(join(temporary.path, 'cirrus-build/daemon.pid'), 'utf8'));
  await waitFor('the daemon is gone', () => findProcess(pid) === undefined);
  await instance.close();
});

test('a program that cannot be started rejects with a sentence', async () => {
  using temporary = tempFolder();
  const instance = await make(temporary.path, 1, ['/nowhere/pwagent']);
  await expect(instance.run(taskOf('passes'), never)).rejects.toThrow('program /nowhere/pwagent was not found');
  await instance.close();
});
