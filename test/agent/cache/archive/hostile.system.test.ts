import { describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { encodeOpening, SealHash } from '../../../../src/agent/cache/archive/envelope.ts';
import { EXPANSION, ExpansionLimit } from '../../../../src/agent/cache/archive/expansion-limit.ts';
import { cleanPath } from '../../../../src/agent/cache/archive/extract.ts';
import { Left } from '../../../../src/agent/cache/archive/left.ts';
import { listing, oldArchive, packed, type RawEntry, tarOf, unpackTo } from '../../../support/cache-archive.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

/** An archive of our own kind with entries that ours would never have. */
function sealed(entries: readonly RawEntry[], roots = [{ folder: 'folder', match: '' }]): Buffer {
  const frames = [encodeOpening(roots), zstdCompressSync(tarOf(entries), { pledgedSrcSize: tarOf(entries).length })];
  const hash = new SealHash();
  for (const frame of frames) hash.update(frame);
  return Buffer.concat([...frames, hash.seal()]);
}

/** Restores into `target` over what is there, and tells why it failed. */
async function failure(target: string, archive: Uint8Array): Promise<string> {
  return unpackTo(target, archive).then(
    () => 'it was restored',
    (error: Error) => error.message,
  );
}

function before(folder: string): string {
  const target = join(folder, 'target');
  mkdirSync(target);
  writeFileSync(join(target, 'mine'), 'precious');
  return target;
}

describe('a poisoned archive changes nothing, inside or outside of its folder (S8, C7)', () => {
  const attacks: Record<string, RawEntry[]> = {
    'a path upwards': [{ path: '0/../../evil', content: 'x' }],
    'a path upwards in the middle': [{ path: '0/a/../../../evil', content: 'x' }],
    'only dots': [{ path: '..', content: 'x' }],
    'a folder that does not exist': [{ path: '7/evil', content: 'x' }],
    'no folder': [{ path: 'evil', content: 'x' }],
    'through a link': [
      { path: '0/link', kind: 'symlink', linkTarget: '../../out' },
      { path: '0/link/evil', content: 'x' },
    ],
    'through a link to nothing yet': [
      { path: '0/link', kind: 'symlink', linkTarget: '../evil' },
      { path: '0/link/sub/evil', content: 'x' },
    ],
    'through a file': [
      { path: '0/file', content: 'x' },
      { path: '0/file/evil', content: 'x' },
    ],
    'a link for the folder itself': [
      { path: '0', kind: 'symlink', linkTarget: '../out' },
      { path: '0/evil', content: 'x' },
    ],
    'a hard link to a file outside': [{ path: '0/evil', kind: 'hardlink', linkTarget: '../../secret' }],
    'a hard link through a link': [
      { path: '0/link', kind: 'symlink', linkTarget: '..' },
      { path: '0/evil', kind: 'hardlink', linkTarget: '0/link/secret' },
    ],
    'a hard link to a link': [
      { path: '0/link', kind: 'symlink', linkTarget: '../secret' },
      { path: '0/evil', kind: 'hardlink', linkTarget: '0/link' },
    ],
    'a file over a folder': [
      { path: '0/dir', kind: 'folder' },
      { path: '0/dir', content: 'x' },
    ],
    'a zero byte in a name': [{ path: `0/${'x'.repeat(101)}\0evil`, content: 'x' }],
  };

  test.each(Object.keys(attacks))('%s', async (name) => {
    using folder = tempFolder();
    const target = before(folder.path);
    mkdirSync(join(folder.path, 'out'));
    writeFileSync(join(folder.path, 'secret'), 'secret');
    const was = listing(folder.path);
    expect(await failure(target, sealed(attacks[name] ?? []))).toStartWith('the archive ');
    const { '': _root, ...rest } = listing(folder.path);
    const { '': _before, ...expected } = was;
    expect(rest).toEqual(expected);
  });

  test('an old archive: the same, and its links to absolute paths are left out', async () => {
    using folder = tempFolder();
    const target = before(folder.path);
    mkdirSync(join(folder.path, 'out'));
    const through: RawEntry[] = [
      { path: '/link', kind: 'symlink', linkTarget: join(folder.path, 'out') },
      { path: '/inner', kind: 'symlink', linkTarget: '../out' },
      { path: '/inner/evil', content: 'x' },
    ];
    expect(await failure(target, oldArchive(through))).toContain('written through a link or a file');
    expect(await failure(target, oldArchive([{ path: '/../evil', content: 'x' }]))).toContain(
      'leads out of its folder',
    );
    const left = new Left();
    await unpackTo(target, oldArchive([{ path: '', kind: 'folder' }, ...through.slice(0, 2)]), { left });
    expect(readdirSync(target)).toEqual(['inner']);
    expect(left.lines()).toEqual([
      '"/link" is a link to an absolute path in an archive of another kind and was left out',
    ]);
    expect(readdirSync(folder.path).sort()).toEqual(['out', 'target']);
    expect(existsSync(join(folder.path, 'out/evil'))).toBe(false);
  });

  test('devices and pipes are left out with a line', async () => {
    using folder = tempFolder();
    const tar = tarOf([{ path: '0/dev', content: '' }]);
    const left = new Left();
    for (const flag of ['3', '4', '6']) {
      const block = Buffer.from(tar);
      const sum = block.subarray(0, 512).reduce((total, byte) => total + byte, 0);
      block[156] = flag.charCodeAt(0);
      expect(sum).toBeGreaterThan(0);
      block.fill(0x20, 148, 156);
      const now = block.subarray(0, 512).reduce((total, byte) => total + byte, 0);
      block.write(`${now.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
      await unpackTo(join(folder.path, 'target'), gzipSync(block), { left });
      expect(existsSync(join(folder.path, 'target/0'))).toBe(false);
    }
    expect(left.lines()).toEqual(['"0/dev" is a device or pipe in the archive and was left out (and 2 more like it)']);
  });

  test('a link that the user has put in place of the folder is kept, and followed', async () => {
    using folder = tempFolder();
    mkdirSync(join(folder.path, 'disk'));
    writeFileSync(join(folder.path, 'disk/old'), '');
    symlinkSync('disk', join(folder.path, 'target'));
    await unpackTo(join(folder.path, 'target'), sealed([{ path: '0/new', content: 'x' }]));
    expect(readdirSync(join(folder.path, 'disk'))).toEqual(['new']);
  });
});

describe('a damaged archive changes nothing (C7, C27)', () => {
  test('ours, cut off anywhere or with any bit turned', async () => {
    using folder = tempFolder();
    const source = join(folder.path, 'source');
    mkdirSync(source);
    for (let index = 0; index < 30; index += 1) writeFileSync(join(source, `file ${index}`), `content ${index * 7919}`);
    const archive = await packed(source);
    const target = before(folder.path);
    const places = fc.integer({ min: 0, max: archive.length - 1 });
    await fc.assert(
      fc.asyncProperty(places, fc.integer({ min: 0, max: 7 }), fc.boolean(), async (at, bit, cut) => {
        const broken = cut ? archive.subarray(0, at) : Buffer.from(archive);
        if (!cut) broken[at] = (broken[at] ?? 0) ^ (1 << bit);
        const why = await failure(target, broken);
        expect(why).toStartWith('the archive ');
        expect([readFileSync(join(target, 'mine'), 'utf8'), readdirSync(folder.path).sort()]).toEqual([
          'precious',
          ['source', 'target'],
        ]);
      }),
      { numRuns: 150 },
    );
  }, 30_000);

  test('an old one, cut off anywhere', async () => {
    using folder = tempFolder();
    const archive = oldArchive(
      Array.from({ length: 30 }, (_, index) => ({ path: `/${index}`, content: `${index ** 9}` })),
    );
    const target = before(folder.path);
    for (let at = 0; at < archive.length; at += 29) {
      expect(await failure(target, archive.subarray(0, at))).toStartWith('the archive ');
    }
    expect(readdirSync(folder.path)).toEqual(['target']);
    expect(readdirSync(target)).toEqual(['mine']);
  });

  test.each([
    ['nothing', ''],
    ['a page of a proxy', '<html>sign in</html>'],
    ['a zip', 'PK\u0003\u0004 and so on'],
  ])('%s is no archive', async (_what, content) => {
    using folder = tempFolder();
    expect(await failure(join(folder.path, 'target'), Buffer.from(content))).toMatch(/is (empty|of an unknown kind)/);
    expect(readdirSync(folder.path)).toEqual([]);
  });
});

describe('a bomb is stopped', () => {
  test('by the size of what comes out of how much', () => {
    const limit = new ExpansionLimit('/', () => 1_000_000);
    for (let index = 0; index < 16; index += 1) limit.countBytes(64 << 20);
    expect(() => limit.countBytes(1)).toThrow('grows to more than 1000 times its size');
  });

  test('by the number of entries', () => {
    const limit = new ExpansionLimit('/', () => 1, { ...EXPANSION, maxEntries: 3 });
    for (let index = 0; index < 3; index += 1) limit.countEntry();
    expect(() => limit.countEntry()).toThrow('has more than 3 entries');
  });

  test('by the free space of the disk', () => {
    const limit = new ExpansionLimit('/', () => 1 << 30, { ...EXPANSION, reserveBytes: Number.MAX_SAFE_INTEGER });
    expect(() => limit.countBytes(1)).toThrow('is full');
  });

  test('by a frame that promises too much', async () => {
    using folder = tempFolder();
    const huge = zstdCompressSync(Buffer.alloc(20 << 20), { pledgedSrcSize: 20 << 20 });
    const archive = Buffer.concat([encodeOpening([{ folder: 'folder', match: '' }]), huge]);
    expect(await failure(join(folder.path, 'target'), archive)).toBe('the archive has a frame that is too large');
  });

  test('when it is restored: gigabytes of zeros leave nothing behind', async () => {
    using folder = tempFolder();
    const piece = Buffer.alloc(16 << 20);
    const head = tarOf([{ path: '0/zeros', sizeBytes: 1.5 * 2 ** 30 }]).subarray(0, 512);
    const zeros = zstdCompressSync(piece, { pledgedSrcSize: piece.length });
    const frames = [zstdCompressSync(head, { pledgedSrcSize: 512 }), ...Array.from({ length: 96 }, () => zeros)];
    const archive = Buffer.concat([encodeOpening([{ folder: 'folder', match: '' }]), ...frames]);
    expect(await failure(join(folder.path, 'target'), archive)).toContain('times its size');
    expect(readdirSync(folder.path)).toEqual([]);
  }, 30_000);
});

test('property: a cleaned path stays below its folder', () => {
  const part = fc.constantFrom('a', '.', '..', '', 'b c', '...', '..a');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const path = parts.join('/');
      if (parts.includes('..')) return expect(() => cleanPath(path)).toThrow('leads out');
      const meant = parts.filter((one) => one !== '' && one !== '.');
      return expect(cleanPath(path)).toBe(meant.join('/'));
    }),
  );
});
