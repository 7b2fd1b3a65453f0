import { describe, expect, test } from 'bun:test';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { endListed } from '../../src/install/end-leftover.ts';
import { isOldCommand, oldFiles, oldProcesses } from '../../src/install/leftovers.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { findProcess } from '../../src/platform/process-table.ts';
import { spawn } from '../../src/platform/processes.ts';
import { tempFolder } from '../support/temp-folder.ts';

const never = new AbortController().signal;

describe('command lines', () => {
  test.each([
    ['/usr/local/bin/cirrus worker run --file /private/tmp/x_cfg_y', true],
    ['cirrus worker run', true],
    ['/bin/bash /var/tmp/service_pool.sh', true],
    ['bash -l ./service_pool.sh', true],
    ['/var/tmp/service_pool.sh', true],
    ['bash /var/tmp/shutdown.sh', true],
    ['bash -c sleep 86400 && /var/tmp/shutdown.sh', true],
    ['sh -c sleep 7; /var/tmp/shutdown.sh', true],
    ['cirrus run', false],
    ['cirrus-ci-agent worker run', false],
    ['/usr/local/bin/pwagent worker run', false],
    ['vim service_pool.sh', false],
    ['less /var/tmp/shutdown.sh', false],
    ['bash /home/me/shutdown.sh', false],
    ['', false],
  ])('%s: %p', (command, expected) => {
    expect(isOldCommand(command)).toBe(expected);
  });
});

test('never this process, nor one that it descends from', () => {
  const info = { pgid: 1, uid: 0, started: '1', command: 'bash service_pool.sh' };
  const table = [
    { ...info, pid: 10, ppid: 1 },
    { ...info, pid: 20, ppid: 10 },
    { ...info, pid: 30, ppid: 1 },
  ];
  expect(oldProcesses(table, 20).map((item) => (item.tag === 'process' ? item.pid : 0))).toEqual([30]);
});

test('the old supervisor goes before its listener, which it would start anew', () => {
  const info = { pgid: 1, ppid: 1, uid: 0, started: '1' };
  const table = [
    { ...info, pid: 5, command: '/usr/local/bin/cirrus worker run --file x' },
    { ...info, pid: 6, command: 'bash service_pool.sh' },
  ];
  expect(oldProcesses(table, 20).map((item) => (item.tag === 'process' ? item.pid : 0))).toEqual([6, 5]);
});

test("files of the old set-up, links as themselves, no folders and nobody else's", () => {
  using root = tempFolder();
  for (const folder of ['var/tmp', 'private/tmp/dir_cfg_x', 'Users/ec2-user', 'home/me']) {
    mkdirSync(`${root.path}/${folder}`, { recursive: true });
  }
  for (const file of [
    'var/tmp/shutdown.sh',
    'var/tmp/service_pool.sh',
    'var/tmp/other.sh',
    'private/tmp/MacM1-7_cfg_a1b2',
    'private/tmp/cfg',
    'Users/ec2-user/.setup.done',
    'Users/ec2-user/.setuprc',
    'home/me/.setup.started',
  ]) {
    writeFileSync(`${root.path}/${file}`, '');
  }
  symlinkSync('/etc/passwd', `${root.path}/private/tmp/evil_cfg_`);
  expect(oldFiles(root.path).map((item) => (item.tag === 'file' ? item.path : ''))).toEqual([
    '/var/tmp/service_pool.sh',
    '/var/tmp/shutdown.sh',
    '/private/tmp/MacM1-7_cfg_a1b2',
    '/private/tmp/evil_cfg_',
    '/Users/ec2-user/.setup.done',
    '/home/me/.setup.started',
  ]);
});

test('a listed process is ended; a later one of the same id is not', async () => {
  const child = await spawn({ argv: ['/bin/sleep', '60'], env: {} });
  try {
    const started = findProcess(child.pid)?.started ?? '';
    await endListed(child.pid, `${started}0`, systemClock, never);
    expect(findProcess(child.pid)?.pid).toBe(child.pid);
    await endListed(child.pid, started, systemClock, never);
    expect(await child.exited).toEqual({ code: null, signal: 'SIGTERM' });
  } finally {
    child.signalGroup('SIGKILL');
  }
});
