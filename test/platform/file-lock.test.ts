import { expect, test } from 'bun:test';
import { existsSync, linkSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type FileLock, openFileLocks } from '../../src/platform/file-lock.ts';
import { spawn } from '../../src/platform/processes.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const locks = openFileLocks();

function taken(path: string): FileLock {
  const lock = locks.take(path);
  if (typeof lock === 'string') throw new Error(lock);
  return lock;
}

test('one at a time, in this process too; what is written stays with the file', () => {
  using folder = tempFolder();
  const path = join(folder.path, 'lock');
  const lock = taken(path);
  expect([lock.read(), statSync(path).mode & 0o777]).toEqual(['', 0o600]);
  lock.write('a long text');
  lock.write('short');
  expect(locks.take(path)).toBe('held');
  lock.release('keep');
  const next = taken(path);
  expect(next.read()).toBe('short');
  next.release('remove');
  expect(existsSync(path)).toBe(false);
});

test('a lock ends with its process, even by SIGKILL, and children do not inherit it', async () => {
  using folder = tempFolder();
  const path = join(folder.path, 'lock');
  const module = resolve(import.meta.dir, '../../src/platform/file-lock.ts');
  const code = `const { openFileLocks } = await import(${JSON.stringify(module)});
    openFileLocks().take(${JSON.stringify(path)}).write('held');
    Bun.spawn(['sleep', '600']);
    await Bun.sleep(600_000);`;
  const child = await spawn({ argv: [process.execPath, '-e', code], env: { PATH: process.env.PATH ?? '' } });
  await waitFor('it holds the lock', () => existsSync(path) && statSync(path).size > 0);
  expect(locks.take(path)).toBe('held');
  child.signal('SIGKILL');
  await child.exited;
  const lock = locks.take(path);
  child.signalGroup('SIGKILL');
  expect(typeof lock === 'string' ? lock : lock.read()).toBe('held');
  if (typeof lock !== 'string') lock.release('remove');
});

test('what is no regular file of our own is left alone', () => {
  using folder = tempFolder();
  const at = (name: string) => join(folder.path, name);
  writeFileSync(at('target'), 'x');
  symlinkSync(at('target'), at('link'));
  linkSync(at('target'), at('second-name'));
  mkdirSync(at('folder'));
  Bun.spawnSync(['mkfifo', at('fifo')]);
  for (const name of ['link', 'second-name', 'folder', 'fifo']) expect(locks.take(at(name))).toBe('foreign');
});
