import { expect } from 'bun:test';
import {
  chmodSync,
  chownSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { asUser, asUserGap } from '../../support/as-user.ts';
import { packed, unpackTo } from '../../support/cache-archive.ts';
import { namespaceGap, runInNamespace } from '../../support/namespace.ts';
import { testNeeding } from '../../support/requirement.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const PROGRAM = resolve(import.meta.dir, '../../support/staging-program.ts');

const UNPACK = resolve(import.meta.dir, '../../support/unpack-program.ts');

const mounts = testNeeding('restoring a cache into a mount point', namespaceGap());
const bound = testNeeding('restoring a cache as a user', asUserGap());
const asRoot = testNeeding(
  'owners of restored files',
  process.geteuid?.() === 0 ? undefined : 'only root gives files away',
);

mounts('a mount point stays, its content is exchanged', () => {
  using folder = tempFolder();
  const target = join(folder.path, 'target');
  mkdirSync(target);
  const script = `mount -t tmpfs none ${target}; mkdir ${target}/old; ${process.execPath} ${PROGRAM} ${target}
    ls -A ${target}; mountpoint -q ${target} && ls -A ${folder.path}`;
  expect(runInNamespace(script)).toEqual({ code: 0, stdout: 'new\ntarget\n', stderr: '' });
});

mounts('a disk that fills up in the middle changes nothing, and nothing is left on it', async () => {
  using folder = tempFolder();
  const [source, disk] = [join(folder.path, 'source'), join(folder.path, 'disk')];
  for (const path of [source, disk]) mkdirSync(path);
  for (let index = 0; index < 100; index += 1) writeFileSync(join(source, `f${index}`), 'x');
  writeFileSync(join(folder.path, 'archive'), await packed(source));
  const script = `mount -t tmpfs -o nr_inodes=50 none ${disk}; mkdir ${disk}/target; touch ${disk}/target/old
    ${process.execPath} ${UNPACK} ${folder.path}/archive ${disk}/target || true; ls -A ${disk} ${disk}/target`;
  const { stdout, stderr } = runInNamespace(script);
  expect(stderr).toContain('ENOSPC');
  expect(stdout).toBe(`${disk}:\ntarget\n\n${disk}/target:\nold\n`);
});

bound('a folder in one that may not be written stays, its content is exchanged', () => {
  using folder = tempFolder();
  const target = join(folder.path, 'target');
  mkdirSync(target);
  writeFileSync(join(target, 'old'), '');
  chmodSync(folder.path, 0o555);
  const { ino } = lstatSync(target);
  const stderr = asUser(PROGRAM, [target]).stderr;
  chmodSync(folder.path, 0o755);
  expect([stderr, readdirSync(target), lstatSync(target).ino]).toEqual(['', ['new'], ino]);
});

bound('a folder that cannot be made is told with its place', () => {
  using folder = tempFolder();
  chmodSync(folder.path, 0o555);
  const stderr = asUser(PROGRAM, [join(folder.path, 'target')]).stderr;
  chmodSync(folder.path, 0o755);
  expect(stderr).toContain(`this user may make nothing in ${folder.path}`);
});

asRoot('root gives files, folders and links their owners, and with them the rights that these lend (C12)', async () => {
  using folder = tempFolder();
  const source = join(folder.path, 'source');
  mkdirSync(join(source, 'sub'), { recursive: true });
  writeFileSync(join(source, 'tool'), '');
  symlinkSync('tool', join(source, 'link'));
  chownSync(join(source, 'tool'), 1_234, 1_235);
  lchownSync(join(source, 'link'), 1_236, 1_237);
  chownSync(join(source, 'sub'), 1_238, 1_239);
  chmodSync(join(source, 'tool'), 0o4755);
  await unpackTo(join(folder.path, 'target'), await packed(source));
  const owners = ['tool', 'link', 'sub'].map((name) => {
    const { uid, gid, mode } = lstatSync(join(folder.path, 'target', name));
    return [uid, gid, (mode & 0o7777).toString(8)];
  });
  expect(owners).toEqual([
    [1_234, 1_235, '4755'],
    [1_236, 1_237, '777'],
    [1_238, 1_239, '755'],
  ]);
});
