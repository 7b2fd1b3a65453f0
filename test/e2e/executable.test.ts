import { expect, test } from 'bun:test';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import manifest from '../../package.json' with { type: 'json' };
import { spawn } from '../../src/platform/processes.ts';
import { tempFolder } from '../support/temp-folder.ts';

const EXECUTABLE = resolve(import.meta.dir, `../../dist/pwagent-${process.platform}-${process.arch}`);

async function run(args: readonly string[], cwd: string): Promise<{ code: number | null; output: string }> {
  const child = await spawn({ argv: [EXECUTABLE, ...args], env: { PATH: '/usr/bin:/bin' }, cwd, stdout: 'pipe' });
  const output = child.stdout === null ? '' : await text(child.stdout);
  return { code: (await child.exited).code, output };
}

test('it knows its version and its commit', async () => {
  const { code, output } = await run(['version', '--json'], '/');
  expect(code).toBe(0);
  const { version, commit } = JSON.parse(output) as { version: string; commit: string };
  expect(version).toBe(manifest.version);
  expect(commit).toMatch(/^([0-9a-f]{12}(-dirty)?|unknown)$/);
});

test('nothing in the working directory changes how it runs', async () => {
  using folder = tempFolder();
  const marker = join(folder.path, 'marker');
  writeFileSync(join(folder.path, 'preload.ts'), `require('node:fs').writeFileSync(${JSON.stringify(marker)}, 'x');\n`);
  writeFileSync(join(folder.path, 'bunfig.toml'), 'preload = ["./preload.ts"]\n');
  writeFileSync(join(folder.path, '.env'), 'BUN_OPTIONS=--preload=./preload.ts\n');
  writeFileSync(join(folder.path, 'package.json'), '{ "version": "6.6.6" }');
  writeFileSync(join(folder.path, 'tsconfig.json'), '{ broken');
  const { code, output } = await run(['version'], folder.path);
  expect([code, output.split(' ')[1]]).toEqual([0, manifest.version]);
  expect(existsSync(marker)).toBe(false);
});

test('it says nothing of the machine that built it', () => {
  const root = resolve(import.meta.dir, '../..');
  expect(readFileSync(EXECUTABLE).includes(`${root}/src/`)).toBe(false);
});
