import { describe, expect, test } from 'bun:test';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureWritableFolder, errnoOf, writeFileAtomically } from '../../src/platform/files.ts';
import { tempFolder } from '../support/temp-folder.ts';

const modeOf = (path: string) => statSync(path).mode & 0o777;

describe('an atomic write', () => {
  test('makes a file that only its owner reads', async () => {
    using folder = tempFolder();
    const path = join(folder.path, 'token');
    await writeFileAtomically(path, 'secret\n');
    expect(readFileSync(path, 'utf8')).toBe('secret\n');
    expect(modeOf(path)).toBe(0o600);
  });

  test('takes bytes, and another mode', async () => {
    using folder = tempFolder();
    const path = join(folder.path, 'data');
    await writeFileAtomically(path, Uint8Array.of(0, 255, 10), 0o400);
    expect([...readFileSync(path)]).toEqual([0, 255, 10]);
    expect(modeOf(path)).toBe(0o400);
  });

  test('replaces content and mode and leaves nothing else', async () => {
    using folder = tempFolder();
    const path = join(folder.path, 'state');
    writeFileSync(path, 'a much longer old content');
    chmodSync(path, 0o666);
    await writeFileAtomically(path, 'new');
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(modeOf(path)).toBe(0o600);
    expect(readdirSync(folder.path)).toEqual(['state']);
  });

  test('that fails throws the system error and leaves the old state and no temporary file', async () => {
    using folder = tempFolder();
    const path = join(folder.path, 'taken');
    mkdirSync(join(path, 'child'), { recursive: true });
    const error = await writeFileAtomically(path, 'x').catch((reason: unknown) => reason);
    expect(errnoOf(error)).toMatch(/^(EISDIR|ENOTEMPTY|EEXIST)$/);
    expect(readdirSync(folder.path)).toEqual(['taken']);
  });

  test('into a folder that is not there is ENOENT', async () => {
    using folder = tempFolder();
    const error = await writeFileAtomically(join(folder.path, 'no/such'), 'x').catch((reason: unknown) => reason);
    expect(errnoOf(error)).toBe('ENOENT');
  });

  test('in parallel: one of the contents wins whole', async () => {
    using folder = tempFolder();
    const path = join(folder.path, 'state');
    const contents = Array.from({ length: 8 }, (_, index) => String(index).repeat(10_000));
    await Promise.all(contents.map((content) => writeFileAtomically(path, content)));
    expect(contents).toContain(readFileSync(path, 'utf8'));
    expect(readdirSync(folder.path)).toEqual(['state']);
  });

  test('replaces a link instead of what it points to', async () => {
    using folder = tempFolder();
    const [target, link] = [join(folder.path, 'target'), join(folder.path, 'link')];
    writeFileSync(target, 'precious');
    symlinkSync(target, link);
    await writeFileAtomically(link, 'new');
    expect([readFileSync(target, 'utf8'), readFileSync(link, 'utf8')]).toEqual(['precious', 'new']);
  });
});

describe('a writable folder', () => {
  test('is made with its parents, closed to others, and left empty', async () => {
    using folder = tempFolder();
    const path = join(folder.path, 'a/b');
    await ensureWritableFolder(path);
    expect(modeOf(path)).toBe(0o700);
    expect(readdirSync(path)).toEqual([]);
    await ensureWritableFolder(path);
  });

  test('cannot lie under a file', async () => {
    using folder = tempFolder();
    writeFileSync(join(folder.path, 'file'), '');
    const error = await ensureWritableFolder(join(folder.path, 'file/x')).catch((reason: unknown) => reason);
    expect(errnoOf(error)).toMatch(/^(ENOTDIR|EEXIST)$/);
  });

  test('is not where nothing may be made', async () => {
    const where = process.platform === 'linux' ? '/proc/pwagent' : '/dev/fd/pwagent';
    const error = await ensureWritableFolder(where).catch((reason: unknown) => reason);
    expect(errnoOf(error)).toBeDefined();
  });
});

test.each([
  ['a system error', Object.assign(new Error('x'), { code: 'EACCES' }), 'EACCES'],
  ['an error with a number', Object.assign(new Error('x'), { code: 5 }), undefined],
  ['any other error', new Error('x'), undefined],
  ['text', 'EACCES', undefined],
  ['nothing', undefined, undefined],
])('errno of %s', (_name, error, errno) => {
  expect(errnoOf(error)).toBe(errno);
});
