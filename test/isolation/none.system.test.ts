import { describe, expect } from 'bun:test';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { createNoneInstance } from '../../src/isolation/none/none-isolation.ts';
import { removeTree } from '../../src/isolation/none/remove-tree.ts';
import { WorkingFolders } from '../../src/isolation/none/working-folder.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { openFileLocks } from '../../src/platform/file-lock.ts';
import { memoryLogger } from '../support/logger.ts';
import { namespaceGap, runInNamespace } from '../support/namespace.ts';
import { testNeeding } from '../support/requirement.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { throwAwayUser, userGap } from '../support/throw-away-user.ts';

const REMOVE = `${process.execPath} ${resolve(import.meta.dir, 'fixtures/remove.ts')}`;

describe('mounts that a task leaves', () => {
  const inNamespace = testNeeding('mounts in working folders', namespaceGap());

  inNamespace('are unmounted, the last first, and nothing in them is removed', () => {
    using folder = tempFolder();
    const { stdout, stderr } = runInNamespace(
      `cd "$ROOT"; mkdir -p outside build/a/bind build/tmpfs "build/with blank"; echo x > outside/precious
       mount --bind outside build/a/bind; mount -t tmpfs none build/tmpfs; mkdir build/tmpfs/in; mount -t tmpfs none build/tmpfs/in
       mount --bind outside "build/with blank"; mount --bind build build
       ${REMOVE} "$ROOT/build"; cat outside/precious; ls "$ROOT"`,
      { ROOT: folder.path },
    );
    expect({ stdout, stderr }).toEqual({ stdout: 'removed\nx\noutside\n', stderr: '' });
  });

  inNamespace('that cannot be unmounted keep the folder, with all that is in them', () => {
    using folder = tempFolder();
    const { stdout } = runInNamespace(
      `cd "$ROOT"; mkdir -p outside build/bind bin; echo x > outside/precious; mount --bind outside build/bind
       chown -R 65533 build outside; chmod 755 "$ROOT"
       setpriv --reuid 65533 --regid 65533 --clear-groups ${REMOVE} "$ROOT/build"; cat build/bind/precious`,
      { ROOT: folder.path },
    );
    expect(stdout).toContain(`build stays: ${folder.path}/build/bind is mounted in it and cannot be unmounted`);
    expect(stdout).toEndWith('x\n');
  });
});

describe('as root', () => {
  const asRoot = testNeeding('working folders beside another user', userGap());

  asRoot('agents run as the user that the worker names, in folders of that user, which go all the same', async () => {
    using user = throwAwayUser();
    using common = tempFolder();
    chmodSync(common.path, 0o1777);
    const log = memoryLogger();
    const folders = new WorkingFolders({ temporary: common.path, locks: openFileLocks(), clock: systemClock, log });
    const script = 'id -un > who; groups >> who; touch kept; echo \'{"type":"done","problem":null}\' >&3';
    const agentCommand = ['/bin/sh', '-c', script];
    const options = { agentCommand, folders, cancelGraceMs: 10_000, agentUser: user, clock: systemClock, log };
    const instance = await createNoneInstance(options);
    const environment = { PATH: process.env.PATH ?? '' };
    const task = { taskId: '1', apiEndpoint: 'http://127.0.0.1:1', serverSecret: 'a', clientSecret: 'b', environment };
    expect(await instance.run(task, new AbortController().signal)).toEqual({ problem: null });
    const folder = join(common.path, 'cirrus-build');
    expect(readFileSync(join(folder, 'who'), 'utf8')).toBe(`${user.name}\n${user.name} ${user.extraGroup.name}\n`);
    expect([folder, join(folder, 'kept')].map((path) => lstatSync(path).uid)).toEqual([user.uid, user.uid]);
    expect(await instance.close()).toEqual([]);
    expect(readdirSync(common.path)).toEqual([]);
  });

  asRoot('what another user plants in a common folder is neither used nor removed nor followed', async () => {
    using user = throwAwayUser();
    using common = tempFolder();
    using outside = tempFolder();
    chmodSync(common.path, 0o1777);
    const log = memoryLogger();
    const folders = () =>
      new WorkingFolders({ temporary: common.path, locks: openFileLocks(), clock: systemClock, log });
    const planted = join(common.path, 'cirrus-build');
    for (const plant of ['folder', 'link', 'owner'] as const) {
      const at = plant === 'owner' ? `${planted}.owner` : planted;
      if (plant === 'folder') mkdirSync(at);
      else if (plant === 'link') symlinkSync(outside.path, at);
      else writeFileSync(at, JSON.stringify({ mark: 'ab'.repeat(16), private: 'pwagent-task-0123456789abcdef' }));
      Bun.spawnSync(['chown', '-h', user.name, at]);
      const folder = await folders().make();
      expect(folder.path).toMatch(/cirrus-build-[0-9a-f]{8}$/);
      expect(lstatSync(folder.path).uid).toBe(0);
      await folder.remove();
      expect(log.lines.at(-1)?.message).toContain('another user holds the name');
      expect(lstatSync(at).uid).toBe(user.uid);
      Bun.spawnSync(['rm', '-rf', '--', at]);
    }
    expect(readdirSync(common.path)).toEqual([]);
  });

  asRoot('a temporary folder of another user is refused', async () => {
    using user = throwAwayUser();
    using theirs = tempFolder();
    chownSync(theirs.path, user.uid, user.gid);
    const options = { temporary: theirs.path, locks: openFileLocks(), clock: systemClock, log: memoryLogger() };
    await expect(new WorkingFolders(options).make()).rejects.toThrow('it belongs to another user');
  });

  asRoot('immutable files go', async () => {
    using folder = tempFolder();
    const path = join(folder.path, 'build');
    mkdirSync(path);
    writeFileSync(join(path, 'fixed'), '');
    const set = Bun.spawnSync(['chattr', '+i', join(path, 'fixed')]).exitCode === 0; // not on every file system
    await removeTree(path, systemClock);
    expect([existsSync(path), set || true]).toEqual([false, true]);
  });
});

testNeeding('a tree of many files', undefined)(
  'a hundred thousand files go, and the worker does other things meanwhile',
  async () => {
    using folder = tempFolder();
    const path = join(folder.path, 'build');
    const make = 'mkdir -p "$0"; cd "$0"; for d in $(seq 100); do mkdir $d; (cd $d; seq 1000 | xargs touch); done';
    expect(Bun.spawnSync(['sh', '-c', make, path]).exitCode).toBe(0);
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 1);
    await removeTree(path, systemClock);
    clearInterval(timer);
    expect(existsSync(path)).toBe(false);
    expect(turns).toBeGreaterThan(10);
  },
  60_000,
);
