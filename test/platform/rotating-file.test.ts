import { expect, test } from 'bun:test';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { RotatingFile } from '../../src/platform/rotating-file.ts';
import { tempFolder } from '../support/temp-folder.ts';

const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : null);

test('rotates before it would grow too large, keeps so many', () => {
  using folder = tempFolder();
  const path = `${folder.path}/logs/w.log`;
  const file = new RotatingFile(path, { maxBytes: 10, keep: 2 });
  for (const line of ['aaaa\n', 'bbbb\n', 'cccc\n', 'dddddddddddd\n', 'e\n']) file.write(line);
  expect([read(path), read(`${path}.1`), read(`${path}.2`), read(`${path}.3`)]).toEqual([
    'e\n',
    'dddddddddddd\n',
    'cccc\n',
    null,
  ]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  file.close();
});

test('goes on where an earlier process stopped', () => {
  using folder = tempFolder();
  const path = `${folder.path}/w.log`;
  writeFileSync(path, '12345678');
  const file = new RotatingFile(path, { maxBytes: 10, keep: 1 });
  file.write(new TextEncoder().encode('9\n'));
  file.write('next\n');
  expect([read(path), read(`${path}.1`)]).toEqual(['next\n', '123456789\n']);
  file.close();
});

test('keeps nothing but the newest when told so', () => {
  using folder = tempFolder();
  const path = `${folder.path}/w.log`;
  const file = new RotatingFile(path, { maxBytes: 5, keep: 0 });
  file.write('aaaa\n');
  file.write('bbbb\n');
  expect([read(path), read(`${path}.1`)]).toEqual(['bbbb\n', null]);
  file.close();
});

test('a folder that goes away loses lines and breaks nothing', () => {
  using folder = tempFolder();
  const path = `${folder.path}/logs/w.log`;
  const file = new RotatingFile(path, { maxBytes: 5, keep: 1 });
  file.write('aaaa\n');
  rmSync(`${folder.path}/logs`, { recursive: true });
  file.write('bbbb\n');
  expect(file.lost).toBe(1);
  file.close();
});

test('a burst of bytes does not outgrow the files', () => {
  using folder = tempFolder();
  const path = `${folder.path}/w.log`;
  const file = new RotatingFile(path, { maxBytes: 5, keep: 2 });
  file.write(new TextEncoder().encode('aaaaabbbbbcccccddddde'));
  expect([read(path), read(`${path}.1`), read(`${path}.2`)]).toEqual(['e', 'ddddd', 'ccccc']);
  file.close();
});
