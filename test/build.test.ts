import { describe, expect, test } from 'bun:test';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { spawn } from '../src/platform/processes.ts';

const ROOT = resolve(import.meta.dir, '..');

async function build(...args: string[]): Promise<{ code: number | null; output: string }> {
  const argv = [process.execPath, join(ROOT, 'build.ts'), ...args];
  const child = await spawn({ argv, env: { PATH: '/usr/bin:/bin' }, stderr: 'pipe' });
  const output = child.stderr === null ? '' : await text(child.stderr);
  return { code: (await child.exited).code, output };
}

describe('a wrong word is refused before anything is built', () => {
  test.each([
    [['--target', 'linux-x46'], 'unknown target "linux-x46"; did you mean "linux-x64"?'],
    [['--target=windows'], 'unknown target "windows"; known targets: linux-x64, linux-arm64, darwin-arm64'],
    [['--target', 'linux-x64', '--target', 'darwin-arm65'], 'did you mean "darwin-arm64"?'],
    [['--traget', 'host'], "Unknown option '--traget'"],
    [['host'], 'Unexpected argument'],
    [['--target'], 'argument missing'],
  ])('%j', async (args, sentence) => {
    const { code, output } = await build(...args);
    expect(output).toContain(sentence);
    expect(output.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(64);
  });
});
