import { describe, expect, test } from 'bun:test';
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { extractTar, safeParts } from '../../../src/agent/instructions/archive-entries.ts';
import { inPieces, tarOf } from '../../support/tar-of.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const never = new AbortController().signal;

test('files, folders, modes and links arrive, however the stream is cut', async () => {
  for (const size of [7, 512, 100_000]) {
    using folder = tempFolder();
    const tar = tarOf(
      { path: 'a/b', type: 'folder' },
      { path: 'a/b/tool', executable: true, text: '#!/bin/sh\n' },
      { path: 'deep/er/file', text: 'x'.repeat(2_000) },
      { path: 'link', type: 'symlink', linkTarget: '/etc/passwd' },
    );
    expect(await extractTar(inPieces(tar, size), folder.path, never)).toBe(4);
    expect(lstatSync(join(folder.path, 'a/b/tool')).mode & 0o777).toBe(0o755);
    expect(readFileSync(join(folder.path, 'deep/er/file'), 'utf8')).toBe('x'.repeat(2_000));
    expect(readlinkSync(join(folder.path, 'link'))).toBe('/etc/passwd');
  }
});

test('what was there before is replaced, a link itself and not what it points to', async () => {
  using folder = tempFolder();
  const outside = join(folder.path, 'outside');
  const root = join(folder.path, 'root');
  mkdirSync(root);
  writeFileSync(outside, 'untouched');
  symlinkSync(outside, join(root, 'file'));
  await extractTar(inPieces(tarOf({ path: 'file', text: 'new' }), 512), root, never);
  expect(readFileSync(outside, 'utf8')).toBe('untouched');
  expect(readFileSync(join(root, 'file'), 'utf8')).toBe('new');
});

describe('is refused', () => {
  test.each([
    ['a path that leads out', [{ path: 'a/../../evil', text: 'x' }]],
    ['an absolute path', [{ path: '/evil', text: 'x' }]],
    [
      'a path through a link of the archive',
      [
        { path: 'out', type: 'symlink' as const, linkTarget: '..' },
        { path: 'out/evil', text: 'x' },
      ],
    ],
    [
      'a file in the place of a folder',
      [
        { path: 'a', type: 'folder' as const },
        { path: 'a', text: 'x' },
      ],
    ],
  ])('%s', async (_title, entries) => {
    using folder = tempFolder();
    const root = join(folder.path, 'root');
    mkdirSync(root);
    await expect(extractTar(inPieces(tarOf(...entries), 512), root, never)).rejects.toThrow(
      'the archive has the entry',
    );
    expect(existsSync(join(folder.path, 'evil'))).toBe(false);
  });

  test('an archive that ends early', async () => {
    using folder = tempFolder();
    const tar = tarOf({ path: 'file', text: 'x'.repeat(2_000) }).subarray(0, 1_024);
    await expect(extractTar(inPieces(tar, 512), folder.path, never)).rejects.toThrow('the archive ends');
  });
});

test('an abort ends it', async () => {
  using folder = tempFolder();
  const tar = tarOf({ path: 'file', text: 'x' });
  await expect(extractTar(inPieces(tar, 512), folder.path, AbortSignal.abort('cancelled'))).rejects.toBe('cancelled');
});

test('dots and doubled slashes are no parts', () => {
  expect(safeParts('./a//b/.')).toEqual(['a', 'b']);
});
