import { expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { endProcesses, groupMembers } from '../../../src/agent/program/end-processes.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { spawn } from '../../../src/platform/processes.ts';
import { tempFolder } from '../../support/temp-folder.ts';

async function stubborn(folder: string, script: string) {
  const argv = ['/bin/sh', '-c', `${script}; touch ready; while :; do sleep 0.02; done`];
  const child = await spawn({ argv, env: { PATH: process.env.PATH ?? '/usr/bin:/bin' }, cwd: folder });
  for (let round = 0; round < 500 && !existsSync(join(folder, 'ready')); round += 1) await Bun.sleep(10);
  return child;
}

const never = new AbortController().signal;

test('what does not end when asked is killed after the grace', async () => {
  using folder = tempFolder();
  const child = await stubborn(folder.path, 'trap "" TERM');
  await endProcesses(() => groupMembers(child.pid), 100, systemClock, never);
  expect((await child.exited).signal).toBe('SIGKILL');
  expect(groupMembers(child.pid)).toEqual([]);
});

test('what ends when asked is not killed', async () => {
  using folder = tempFolder();
  const child = await stubborn(folder.path, 'trap "exit 7" TERM');
  await endProcesses(() => groupMembers(child.pid), 10_000, systemClock, never);
  expect((await child.exited).code).toBe(7);
});

test('hurry leaves no grace', async () => {
  using folder = tempFolder();
  const child = await stubborn(folder.path, 'trap "" TERM');
  await endProcesses(() => groupMembers(child.pid), 600_000, systemClock, AbortSignal.abort());
  expect((await child.exited).signal).toBe('SIGKILL');
});

test('nothing to end is no error', async () => {
  await endProcesses(() => [], 600_000, systemClock, never);
});
