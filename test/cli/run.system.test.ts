import { describe, expect, test } from 'bun:test';
import { existsSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { tempFolder } from '../support/temp-folder.ts';

const MAIN = resolve(import.meta.dir, '../../src/main.ts');

function pwagentRun(...args: string[]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, MAIN, 'run', ...args], {
    env: {},
    timeout: 5_000,
  });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

describe('pwagent run refuses, in one sentence with place and remedy', () => {
  test.each([
    ['an unknown flag', ['--dry'], 64, "unknown option '--dry'"],
    [
      'a file that is not there',
      ['--config', '/does/not/exist.yml'],
      78,
      '/does/not/exist.yml: there is no such file; write it',
    ],
  ])('%s', (_title, args, exitCode, told) => {
    const done = pwagentRun(...args);
    expect([done.exitCode, done.stderr.split('\n').length]).toEqual([exitCode, 2]);
    expect(done.stderr).toContain(told);
  });

  test.each([
    ['no way to end the machine', 'name: x', ['shutdown.command is missing', '--dry-run']],
    ['a hub that is no address', 'hub: { url: x }', ['p.yml:1:8: hub.url: must be the address of a hub']],
    ['a bare number', 'lifetime: { max: 48 }', ['p.yml:1:13: lifetime.max: expected a duration']],
    ['a shutdown that cannot work', 'shutdown: { command: [/no/such] }', ['/no/such does not exist; correct the path']],
  ])('%s', (_title, text, told) => {
    using folder = tempFolder();
    writeFileSync(
      `${folder.path}/p.yml`,
      `${text}\nstate-dir: ${folder.path}/state\ncontrol: { socket: ${folder.path}/s }\n`,
    );
    const done = pwagentRun('--config', `${folder.path}/p.yml`);
    expect(done.exitCode).toBe(78);
    for (const part of told) expect(done.stderr).toContain(part);
    expect(existsSync(`${folder.path}/state`)).toBe(false);
  });
});

test('help explains the dry run', () => {
  const { exitCode, stdout } = pwagentRun('--help');
  expect(exitCode).toBe(0);
  expect(stdout).toContain('--dry-run');
});
