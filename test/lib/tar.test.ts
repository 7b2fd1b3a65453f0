import { describe, expect, test } from 'bun:test';
import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { AppError } from '../../src/lib/errors.ts';
import { readTar } from '../../src/lib/tar-reader.ts';
import { inPieces, tarOf } from '../support/tar-of.ts';
import { tempFolder } from '../support/temp-folder.ts';

async function entriesOf(bytes: Uint8Array, piece = 700) {
  const entries: { path: string; type: string; executable: boolean; linkTarget: string; text: string }[] = [];
  for await (const { path, type, executable, linkTarget, content } of readTar(inPieces(bytes, piece))) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) chunks.push(chunk);
    entries.push({ path, type, executable, linkTarget, text: Buffer.concat(chunks).toString() });
  }
  return entries;
}

function withChecksum(block: Uint8Array): Uint8Array {
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  return block;
}

describe('tar', () => {
  test('what is written can be read, however the stream is cut', async () => {
    const name = fc
      .array(fc.stringMatching(/^[a-zé\u{1F600}"' ]{1,60}$/u), { minLength: 1, maxLength: 6 })
      .map((parts) => parts.join('/'));
    const entry = fc.record({ path: name, text: fc.string({ maxLength: 2_000 }), executable: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 5 }), fc.integer({ min: 1, max: 1_500 }), async (files, piece) => {
        const read = await entriesOf(tarOf(...files), piece);
        expect(read.map(({ path, text, executable }) => ({ path, text, executable }))).toEqual(
          files.map(({ path, text, executable }) => ({ path, text: Buffer.from(text).toString(), executable })),
        );
      }),
      { numRuns: 60 },
    );
  });

  test('long link targets and folders', async () => {
    const linkTarget = `${'very-long/'.repeat(20)}end`;
    const bytes = tarOf({ path: 'a', type: 'folder' }, { path: 'a/link', type: 'symlink', linkTarget });
    expect(await entriesOf(bytes)).toEqual([
      { path: 'a', type: 'folder', executable: true, linkTarget: '', text: '' },
      { path: 'a/link', type: 'symlink', executable: true, linkTarget, text: '' },
    ]);
  });

  test('content that the reader leaves is skipped', async () => {
    const paths: string[] = [];
    for await (const { path } of readTar(inPieces(tarOf({ path: 'a', text: 'x'.repeat(999) }, { path: 'b' }), 100))) {
      paths.push(path);
    }
    expect(paths).toEqual(['a', 'b']);
  });

  test('the system tar reads what is written', () => {
    using folder = tempFolder();
    const path = `${'deep/'.repeat(30)}file`;
    writeFileSync(
      join(folder.path, 'x.tar'),
      tarOf({ path, text: 'hello', executable: true, modifiedS: 1_700_000_000 }, { path: 'run', text: 'r' }),
    );
    const { exitCode, stderr } = Bun.spawnSync(['tar', '-xf', 'x.tar'], { cwd: folder.path, stderr: 'pipe' });
    expect([exitCode, stderr.toString()]).toEqual([0, '']);
    expect(readFileSync(join(folder.path, path), 'utf8')).toBe('hello');
    expect(statSync(join(folder.path, path)).mode & 0o700).toBe(0o700); // the rest is the umask's, unless root unpacks
    expect(statSync(join(folder.path, path)).mtimeMs).toBe(1_700_000_000_000);
  });

  test.each(['gnu', 'ustar', 'pax'])('what the system tar writes as %s can be read', async (format) => {
    using folder = tempFolder();
    const long = 'n'.repeat(80);
    mkdirSync(join(folder.path, 'in', long), { recursive: true });
    writeFileSync(join(folder.path, 'in', long, `${long}.sh`), 'hi', { mode: 0o755 });
    symlinkSync('../x', join(folder.path, 'in/link'));
    const argv = ['tar', `--format=${format}`, '--sort=name', '-C', join(folder.path, 'in'), '-cf', '-', '.'];
    const { stdout } = Bun.spawnSync(argv);
    const read = await entriesOf(new Uint8Array(stdout));
    expect(read.filter((entry) => entry.type !== 'folder')).toEqual([
      { path: 'link', type: 'symlink', executable: true, linkTarget: '../x', text: '' },
      { path: `${long}/${long}.sh`, type: 'file', executable: true, linkTarget: '', text: 'hi' },
    ]);
  });

  const whole = tarOf({ path: 'a', text: 'x'.repeat(600) });
  test.each([
    ['cut in the content', whole.subarray(0, 700), 'ends in the middle'],
    ['cut in a header', whole.subarray(0, 300), 'ends in the middle'],
    ['no end mark', whole.subarray(0, 512 + 1024), 'end mark'],
    ['empty', new Uint8Array(), 'end mark'],
    ['not a tar', new Uint8Array(2_048).fill(0x41), 'broken header'],
    ['a changed name', whole.map((byte, index) => (index === 0 ? 0x62 : byte)), 'broken header'],
    ['a hard link', withChecksum(whole.slice(0, 512).fill(0x31, 156, 157)), 'unknown kind: a'],
  ])('%s is refused', async (_title, bytes, message) => {
    const failure = entriesOf(bytes);
    expect(failure).rejects.toBeInstanceOf(AppError);
    expect(failure).rejects.toThrow(message);
    await failure.catch(() => {});
  });
});
