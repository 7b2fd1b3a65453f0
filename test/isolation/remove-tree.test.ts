import { expect, test } from 'bun:test';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeTree } from '../../src/isolation/none/remove-tree.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { parseMountInfo, parseMountTable } from '../../src/platform/mounts.ts';
import { tempFolder } from '../support/temp-folder.ts';

const remove = (path: string) => removeTree(path, systemClock);

function tree(): string {
  const path = mkdtempSync(join(tmpdir(), 'pwagent-tree-'));
  mkdirSync(join(path, 'a/b'), { recursive: true });
  writeFileSync(join(path, 'a/b/file'), 'x');
  return path;
}

test('what is not there is no error', async () => {
  await remove('/nowhere/at/all');
});

test('read-only trees go; files with a second name outside keep their mode and content', async () => {
  using outside = tempFolder();
  const precious = join(outside.path, 'precious');
  writeFileSync(precious, 'x');
  chmodSync(precious, 0o400);
  const path = tree();
  linkSync(precious, join(path, 'a/b/second-name'));
  for (const folder of ['a/b', 'a', '.']) chmodSync(join(path, folder), 0o000);
  await remove(path);
  expect(existsSync(path)).toBe(false);
  expect([readFileSync(precious, 'utf8'), statSync(precious).mode & 0o777]).toEqual(['x', 0o400]);
});

test('a link is removed, not followed', async () => {
  const path = tree();
  using folder = tempFolder();
  const link = join(folder.path, 'link');
  symlinkSync(path, link);
  await remove(link);
  expect([existsSync(link), existsSync(join(path, 'a/b/file'))]).toEqual([false, true]);
  rmSync(path, { recursive: true });
});

test('names that begin with a hyphen, hold blanks or newlines are only names', async () => {
  const path = tree();
  for (const name of ['-rf', '--', 'a b', 'new\nline', '*', '$HOME']) writeFileSync(join(path, name), '');
  mkdirSync(join(path, '-rf /'));
  await remove(path);
  expect(existsSync(path)).toBe(false);
});

test('very deep trees go', async () => {
  using folder = tempFolder();
  const level = Array(300).fill('dddddddddd').join('/');
  const at = (name: string) => join(folder.path, name);
  for (const name of ['0', '1', '2', '3', '4']) {
    mkdirSync(join(at(name), level), { recursive: true });
    if (name !== '0') renameSync(at(`${Number(name) - 1}`), join(at(name), level, 'next')); // 1,500 levels: no path names the last
  }
  const path = at('4');
  await remove(path);
  expect(existsSync(path)).toBe(false);
});

test('mount points as Linux and macOS tell them', () => {
  const linux =
    '36 35 98:0 / / rw - ext4 /dev/root rw\n40 36 0:5 /x /tmp/cirrus\\040build/m rw,noatime master:1 - tmpfs t rw\n';
  expect(parseMountInfo(linux)).toEqual(['/', '/tmp/cirrus build/m']);
  const darwin =
    '/dev/disk3s1 on / (apfs, local)\n/dev/disk4s1 on /private/tmp/cirrus build/m (hfs, local, mounted by ci)\n';
  expect(parseMountTable(darwin)).toEqual(['/', '/private/tmp/cirrus build/m']);
});
