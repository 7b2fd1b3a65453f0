import { expect, test } from 'bun:test';
import { readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openFileLocks } from '../../src/platform/file-lock.ts';
import { holdName, type NameWanted } from '../../src/worker/held-name.ts';
import { tempFolder } from '../support/temp-folder.ts';

const wanted = (folder: string, more: Partial<NameWanted> = {}) =>
  holdName({
    ...{ name: 'mac-1', endpoints: ['http://hub:7481'], machine: 'm-1', folder, locks: openFileLocks() },
    ...more,
  });

test('W45: a second worker of one name on one machine has an id of its own, the same after each restart', () => {
  using folder = tempFolder();
  const first = wanted(folder.path);
  expect(first).toMatchObject({ instanceId: 'm-1', taken: false });
  const second = wanted(folder.path);
  const { instanceId } = second;
  expect(second.taken).toBe(true);
  expect(instanceId).toMatch(/^[0-9a-f]{32}$/);
  second.release();
  expect(wanted(folder.path).instanceId).toBe(instanceId);
  first.release();
  expect(wanted(folder.path)).toMatchObject({ instanceId: 'm-1', taken: false });
});

test('W45: other names, and the same name at other hubs, are no second holders', () => {
  using folder = tempFolder();
  const held = [{}, { name: 'mac-2' }, { endpoints: ['http://other:7481'] }].map((more) => wanted(folder.path, more));
  expect(held.map(({ taken }) => taken)).toEqual([false, false, false]);
  for (const one of held) one.release();
  expect(readdirSync(folder.path)).toEqual([]);
});

test('what others have put in the place of the lock is left alone', () => {
  using folder = tempFolder();
  const first = wanted(folder.path);
  const [lock = ''] = readdirSync(folder.path);
  first.release();
  writeFileSync(join(folder.path, 'theirs'), 'text');
  symlinkSync('theirs', join(folder.path, lock));
  expect(wanted(folder.path).taken).toBe(true);
  expect(readdirSync(folder.path)).toContain(lock);
});

test('a worker starts where no lock can be made, and where a machine has no id', () => {
  expect(wanted('/nowhere-at-all')).toMatchObject({ instanceId: 'm-1', taken: false });
  using folder = tempFolder();
  wanted(folder.path);
  expect(wanted(folder.path, { machine: undefined })).toMatchObject({ instanceId: undefined, taken: true });
});

test('more workers of one name than are told apart have no id, so that a hub lets none of them in beside the first', () => {
  using folder = tempFolder();
  const ids = Array.from({ length: 10 }, () => wanted(folder.path).instanceId);
  expect(new Set(ids.slice(0, 8)).size).toBe(8);
  expect(ids.slice(8)).toEqual([undefined, undefined]);
});
