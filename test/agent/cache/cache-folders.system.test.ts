import { describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { oldArchive } from '../../support/cache-archive.ts';
import { cache, cacheFixture, uploadOf } from '../../support/cache-task.ts';
import { script } from '../../support/fake-agent-server.ts';

const fixture = cacheFixture();
const { work, freshWork, stored } = fixture;
const run = (...commands: Parameters<typeof fixture.run>[0]) => fixture.run(commands);

describe('several folders, patterns, single files', () => {
  test('each goes back to its place, inside and outside of the working folder (C11)', async () => {
    const home = join(fixture.folder, 'home');
    mkdirSync(home);
    const populateScripts = [
      'mkdir -p build/a ~/.tool packages/x/out packages/y/out packages/y/src',
      'echo 1 > build/a/f; echo 2 > ~/.tool/g; echo 3 > packages/x/out/h; echo 4 > packages/y/out/i; echo 5 > one.txt',
    ];
    const folders = ['build/a', '$HOME/.tool', 'packages/*/out', 'one.txt', 'missing'];
    const commands = [cache('deps', { folders, fingerprintKey: 'k', populateScripts }), uploadOf('deps')];
    const process = { HOME: home };
    await fixture.run(commands, { process });
    freshWork();
    rmSync(home, { recursive: true });
    mkdirSync(home);
    mkdirSync(work('packages/z/out'), { recursive: true });
    const show = script('s', [
      'cat build/a/f ~/.tool/g packages/x/out/h packages/y/out/i one.txt | tr -d "\\n"; echo; ls packages',
    ]);
    const { log, results } = await fixture.run([...commands, show], { process });
    expect(results.deps).toBe('COMPLETED');
    expect(log('s')).toContain('12345\nx\ny\nz\n');
  });

  test('a folder within another is stored once', async () => {
    const folders = ['a/b', 'a', 'a/*'];
    const populateScripts = ['mkdir -p a/b', 'echo x > a/b/f'];
    await run(cache('deps', { folders, fingerprintKey: 'k', populateScripts }), uploadOf('deps'));
    freshWork();
    await run(cache('deps', { folders, fingerprintKey: 'k' }));
    expect(readFileSync(work('a/b/f'), 'utf8')).toBe('x\n');
  });

  test('the working folder itself loses nothing (C7)', async () => {
    const populateScripts = ['echo cached > a'];
    await run(cache('deps', { folders: ['.'], fingerprintKey: 'k', populateScripts }), uploadOf('deps'));
    freshWork();
    writeFileSync(work('checked-out'), 'source');
    await run(cache('deps', { folders: ['.'], fingerprintKey: 'k' }));
    expect(readdirSync(work('.')).sort()).toEqual(['a', 'checked-out']);
  });

  test('a fixed key survives another wording of its only folder', async () => {
    await stored('k');
    await run(cache('deps', { folders: ['./renamed'], fingerprintKey: 'k' }));
    expect(readdirSync(work('renamed'))).toEqual(['a']);
  });

  test('a folder that does not belong to the instruction stays away, with a line', async () => {
    const populateScripts = ['mkdir a b', 'touch a/f b/f'];
    await run(cache('deps', { folders: ['a', 'b'], fingerprintKey: 'k', populateScripts }), uploadOf('deps'));
    freshWork();
    const { log } = await run(cache('deps', { folders: ['b', 'c'], fingerprintKey: 'k' }));
    expect(readdirSync(work('.'))).toEqual(['b']);
    expect(log('deps')).toContain('"0/" belongs to no folder of this cache and was left out');
  });
});

describe('archives that the existing agent has stored (specification of the agent, 13.7)', () => {
  const entries = [
    { path: '', kind: 'folder', mode: 0o755 },
    { path: '/sub', kind: 'folder', mode: 0o700 },
    { path: '/sub/file', content: 'old', mode: 0o640 },
    { path: '/link', kind: 'symlink', linkTarget: '../../../etc/passwd' },
  ] as const;

  test('one folder', async () => {
    fixture.caches.put('k', oldArchive(entries));
    const { log } = await run(
      cache('deps', { folders: ['deps'], fingerprintKey: 'k' }),
      script('s', ['stat -c %a deps/sub deps/sub/file; cat deps/sub/file; readlink deps/link']),
    );
    expect(log('s')).toContain('700\n640\nold');
    expect(log('s')).toContain('../../../etc/passwd\n');
  });

  test('several folders, relative to the working folder; others are left out', async () => {
    const tree = ['/left/hot', '/left/hot/f', '/right/cold/g', '/left/other'].map((path) => ({ path, content: path }));
    fixture.caches.put('k', oldArchive([{ path: '/left/hot', kind: 'folder' }, ...tree.slice(1)]));
    const { log } = await run(cache('deps', { folders: ['left/hot', 'right/*'], fingerprintKey: 'k' }));
    expect([readFileSync(work('left/hot/f'), 'utf8'), readFileSync(work('right/cold/g'), 'utf8')]).toEqual([
      '/left/hot/f',
      '/right/cold/g',
    ]);
    expect(existsSync(work('left/other'))).toBe(false);
    expect(log('deps')).toContain('"/left/other" belongs to no folder of this cache');
  });
});
