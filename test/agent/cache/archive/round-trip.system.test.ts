import { describe, expect, test } from 'bun:test';
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { ArchiveEntry } from '../../../../src/agent/cache/archive/entry.ts';
import { Left } from '../../../../src/agent/cache/archive/left.ts';
import { OpenFile } from '../../../../src/agent/cache/archive/open-file.ts';
import { bytesOfName, nameOfBytes, systemPath } from '../../../../src/lib/raw-name.ts';
import { listing, packed, unpackTo } from '../../../support/cache-archive.ts';
import { programGap, testNeeding } from '../../../support/requirement.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

async function roundTrip(from: string, to: string, pieceBytes = 65_536): Promise<void> {
  await unpackTo(to, await packed(from), { pieceBytes });
}

describe('what is restored is what was stored', () => {
  test('modes of files and folders, times below a second, links, empty things (C12)', async () => {
    using folder = tempFolder();
    const source = join(folder.path, 'source');
    mkdirSync(join(source, 'private/empty'), { recursive: true });
    writeFileSync(join(source, 'private/file'), 'content');
    writeFileSync(join(source, 'empty'), '');
    writeFileSync(join(source, 'tool'), '#!/bin/sh\n');
    symlinkSync('../../../etc/passwd', join(source, 'relative'));
    symlinkSync('/usr/bin/env', join(source, 'absolute'));
    symlinkSync('nowhere', join(source, 'dangling'));
    chmodSync(join(source, 'tool'), 0o751);
    chmodSync(join(source, 'private/file'), 0o640);
    utimesSync(join(source, 'private/file'), 1_500_000_000.25, 1_500_000_000.125);
    utimesSync(join(source, 'empty'), -86_400, -86_400);
    lutimesSync(join(source, 'dangling'), 1_400_000_000, 1_400_000_000.5);
    chmodSync(join(source, 'private'), 0o500);
    utimesSync(join(source, 'private'), 1_300_000_000, 1_300_000_000);
    await roundTrip(source, join(folder.path, 'target'));
    expect(listing(join(folder.path, 'target'))).toEqual(listing(source));
    chmodSync(join(source, 'private'), 0o700);
    chmodSync(join(folder.path, 'target/private'), 0o700);
  });

  test("the right to run a file in its owner's name goes unless the owner comes back", () => {
    using folder = tempFolder();
    const entry = { path: 'f', kind: 'file', mode: 0o6755, uid: 0, gid: 0, modifiedS: 1, sizeBytes: 0, linkTarget: '' };
    new OpenFile(join(folder.path, 'f'), entry as ArchiveEntry).finish(false);
    expect((statSync(join(folder.path, 'f')).mode & 0o7777).toString(8)).toBe('755');
  });

  test('hard links stay one file', async () => {
    using folder = tempFolder();
    const source = join(folder.path, 'source');
    mkdirSync(join(source, 'b'), { recursive: true });
    writeFileSync(join(source, 'a'), 'shared');
    linkSync(join(source, 'a'), join(source, 'b/c'));
    await roundTrip(source, join(folder.path, 'target'));
    const [a, c] = ['a', 'b/c'].map((name) => statSync(join(folder.path, 'target', name)));
    expect([a?.ino === c?.ino, a?.nlink]).toEqual([true, 2]);
    expect(readFileSync(join(folder.path, 'target/b/c'), 'utf8')).toBe('shared');
  });

  test('holes stay holes', async () => {
    using folder = tempFolder();
    const source = join(folder.path, 'source');
    mkdirSync(source);
    const fd = openSync(join(source, 'image'), 'w');
    writeSync(fd, 'begin', 0);
    writeSync(fd, 'middle', 40 << 20);
    ftruncateSync(fd, 64 << 20);
    closeSync(fd);
    closeSync(openSync(join(source, 'empty hole'), 'w'));
    ftruncateSync(openSync(join(source, 'empty hole'), 'r+'), 10 << 20);
    const archive = await packed(source);
    await unpackTo(join(folder.path, 'target'), archive);
    const restored = statSync(join(folder.path, 'target/image'));
    expect([restored.size, restored.blocks < 1_000]).toEqual([64 << 20, true]);
    expect(listing(join(folder.path, 'target'))).toEqual(listing(source));
    expect(archive.length).toBeLessThan(5_000);
  });

  test('names that are long, strange, or not UTF-8', async () => {
    using folder = tempFolder();
    const source = join(folder.path, 'source');
    const deep = join(source, ...Array.from({ length: 12 }, (_, index) => `${index}`.repeat(60).slice(0, 60)));
    mkdirSync(deep, { recursive: true });
    writeFileSync(join(deep, 'f'.repeat(255)), 'deep');
    for (const name of ['new\nline', 'tab\t', ' blank ', 'quo"te', 'back\\slash', 'emöji 🎉', '-rf', '\ufffd real']) {
      writeFileSync(join(source, name), name);
    }
    const raw = nameOfBytes(Buffer.from([0x61, 0xff, 0xfe, 0xc3, 0x28, 0x7a]));
    mkdirSync(systemPath(`${source}/${raw}`));
    writeFileSync(systemPath(`${source}/${raw}/${raw}`), 'raw');
    symlinkSync(systemPath(raw), systemPath(`${source}/link ${raw}`));
    await roundTrip(source, join(folder.path, 'target'));
    expect(listing(join(folder.path, 'target'))).toEqual(listing(source));
    expect(Object.keys(listing(join(folder.path, 'target')))).toContain(`/${raw}/${raw}`);
  });

  test('a single file (C11)', async () => {
    using folder = tempFolder();
    writeFileSync(join(folder.path, 'one'), 'just this');
    await roundTrip(join(folder.path, 'one'), join(folder.path, 'sub/two'));
    expect(readFileSync(join(folder.path, 'sub/two'), 'utf8')).toBe('just this');
  });

  test('special files are left out with a line, and hold nothing up (R4)', async () => {
    using folder = tempFolder();
    const source = join(folder.path, 'source');
    mkdirSync(source);
    expect(Bun.spawnSync(['mkfifo', join(source, 'pipe')]).success).toBe(true);
    const server = Bun.listen({ unix: join(source, 'socket'), socket: { data() {} } });
    writeFileSync(join(source, 'file'), '');
    const left = new Left();
    await unpackTo(join(folder.path, 'target'), await packed(source, left));
    server.stop(true);
    expect(Object.keys(listing(join(folder.path, 'target')))).toEqual(['', '/file']);
    expect(left.lines()).toEqual([
      `${JSON.stringify(join(source, 'pipe'))} is no file, folder or link and was left out (and 1 more like it)`,
    ]);
  });
});

const nameBytes = fc
  .uint8Array({ minLength: 1, maxLength: 40 })
  .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x78 : byte))))
  .filter((bytes) => !['.', '..'].includes(bytes.toString('latin1')));

const node = fc.record({
  name: nameBytes,
  kind: fc.constantFrom('file', 'folder', 'symlink', 'hardlink'),
  mode: fc.integer({ min: 0o400, max: 0o777 }),
  content: fc.uint8Array({ maxLength: 3_000 }),
  modifiedMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
});

test('property: names are bytes, whatever they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(Buffer.compare(bytesOfName(nameOfBytes(bytes)), Buffer.from(bytes))).toBe(0);
    }),
    { numRuns: 2_000 },
  );
});

test('property: any tree survives, whatever pieces the archive comes in', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(node, { maxLength: 25 }),
      fc.integer({ min: 1, max: 5_000 }),
      async (nodes, pieceBytes) => {
        using folder = tempFolder();
        const source = join(folder.path, 'source');
        mkdirSync(source);
        const folders = [source];
        const files: string[] = [];
        for (const { name, kind, mode, content, modifiedMs } of nodes) {
          const path = `${folders[content.length % folders.length]}/${nameOfBytes(name)}`;
          if (lstatSync(systemPath(path), { throwIfNoEntry: false }) !== undefined) continue;
          const [first] = files;
          if (kind === 'folder') {
            mkdirSync(systemPath(path));
            folders.push(path);
          } else if (kind === 'symlink') {
            symlinkSync(systemPath(nameOfBytes(name)), systemPath(path));
          } else if (kind === 'hardlink' && first !== undefined) {
            linkSync(systemPath(first), systemPath(path));
          } else {
            writeFileSync(systemPath(path), content);
            chmodSync(systemPath(path), mode);
            utimesSync(systemPath(path), 0, modifiedMs / 1_000);
            files.push(path);
          }
        }
        const archive = await packed(source);
        await unpackTo(join(folder.path, 'target'), archive, { pieceBytes });
        expect(listing(join(folder.path, 'target'))).toEqual(listing(source));
      },
    ),
    { numRuns: 40 },
  );
}, 30_000);

const tar = testNeeding('archives and the programs tar and zstd', programGap('zstd') ?? programGap('tar'));

tar('GNU tar and zstd read what we store, holes and long names included', async () => {
  using folder = tempFolder();
  const source = join(folder.path, 'source');
  mkdirSync(join(source, 'x'.repeat(120)), { recursive: true });
  writeFileSync(join(source, 'x'.repeat(120), 'y'.repeat(120)), 'long');
  const fd = openSync(join(source, 'sparse'), 'w');
  writeSync(fd, 'end', 8 << 20);
  closeSync(fd);
  linkSync(join(source, 'sparse'), join(source, 'twin'));
  writeFileSync(join(folder.path, 'archive'), await packed(source));
  const command = `zstd -dcq archive | tar x && mv 0 target`;
  const ran = Bun.spawnSync(['sh', '-c', command], { cwd: folder.path });
  expect([ran.exitCode, ran.stderr.toString()]).toEqual([0, '']);
  expect(listing(join(folder.path, 'target'))).toEqual(listing(source));
});

tar('we read what GNU tar stores, in each of its sparse formats', async () => {
  using folder = tempFolder();
  const source = join(folder.path, 'source');
  mkdirSync(join(source, 'x'.repeat(120)), { recursive: true });
  writeFileSync(join(source, 'x'.repeat(120), 'y'.repeat(120)), 'long');
  const fd = openSync(join(source, 'sparse'), 'w');
  for (let at = 1; at < 40; at += 1) writeSync(fd, `piece ${at}`, at << 20);
  closeSync(fd);
  const times = ['sparse', '.', 'x'.repeat(120), `${'x'.repeat(120)}/${'y'.repeat(120)}`];
  for (const path of times) utimesSync(join(source, path), 1e9, 1e9);
  const formats = [
    '--format=gnu -S',
    ...['0.0', '0.1', '1.0'].map((version) => `--format=posix --sparse-version=${version} -S`),
  ];
  for (const format of formats) {
    const made = Bun.spawnSync(['sh', '-c', `tar ${format} -C source -czf archive .`], { cwd: folder.path });
    expect(made.exitCode).toBe(0);
    const target = join(folder.path, 'target');
    await unpackTo(target, readFileSync(join(folder.path, 'archive')));
    expect([format, listing(target)]).toEqual([format, listing(source)]);
    expect(statSync(join(target, 'sparse')).blocks).toBeLessThan(2_000);
  }
});
