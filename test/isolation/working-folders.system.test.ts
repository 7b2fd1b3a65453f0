import { afterEach, describe, expect, test } from 'bun:test';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { TASK_MARK } from '../../src/isolation/none/leftovers.ts';
import { WorkingFolders } from '../../src/isolation/none/working-folder.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { openFileLocks } from '../../src/platform/file-lock.ts';
import { type Child, spawn } from '../../src/platform/processes.ts';
import { memoryLogger } from '../support/logger.ts';
import { tempFolder } from '../support/temp-folder.ts';

const children: Child[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.signalGroup('SIGKILL');
    await child.exited;
  }
});

async function sleeper(env: Record<string, string> = {}, cwd = '/'): Promise<Child> {
  const child = await spawn({ argv: ['sleep', '600'], env: { PATH: process.env.PATH ?? '', ...env }, cwd });
  children.push(child);
  return child;
}

/** The folders of a worker that has just started. */
function folders(temporary: string, log = memoryLogger()): WorkingFolders {
  return new WorkingFolders({ temporary, locks: openFileLocks(), clock: systemClock, log });
}

const MARK = 'ab'.repeat(16);
const PRIVATE = 'pwagent-task-0123456789abcdef';

/** What a worker leaves that was killed. */
function leftover(temporary: string, name: string, owned: object = { mark: MARK, private: PRIVATE }): void {
  mkdirSync(join(temporary, name));
  writeFileSync(join(temporary, name, 'old'), 'x');
  mkdirSync(join(temporary, PRIVATE), { recursive: true });
  writeFileSync(join(temporary, `${name}.owner`), JSON.stringify(owned), { mode: 0o600 });
}

test('the first free slot is always the stable folder, private and empty; others get names of their own', async () => {
  using temporary = tempFolder();
  const stable = join(temporary.path, 'cirrus-build');
  const all = folders(temporary.path);
  const first = await all.make();
  const second = await all.make();
  expect(first.path).toBe(stable);
  expect(second.path).toMatch(/cirrus-build-[0-9a-f]{8}$/);
  for (const path of [first.path, second.path, first.privatePath, second.privatePath])
    expect(lstatSync(path).mode & 0o777).toBe(0o700);
  writeFileSync(join(first.path, 'x'), '');
  await first.remove();
  const third = await all.make();
  expect([third.path, readdirSync(third.path)]).toEqual([stable, []]);
  expect(third.mark).not.toBe(first.mark);
  const other = await folders(temporary.path).make(); // a second worker beside this one
  expect(other.path).not.toBe(stable);
  for (const folder of [second, third, other]) await folder.remove();
  expect(readdirSync(temporary.path)).toEqual([]);
});

describe('W22: leftovers of a dead worker', () => {
  test('go when the next one starts: folders, private folders, processes', async () => {
    using temporary = tempFolder();
    leftover(temporary.path, 'cirrus-build');
    leftover(temporary.path, 'cirrus-build-01234567');
    writeFileSync(join(temporary.path, 'cirrus-build-76543210.owner'), '', { mode: 0o600 }); // died a moment earlier
    mkdirSync(join(temporary.path, 'cirrus-builder'));
    const orphan = await sleeper({ [TASK_MARK]: MARK });
    await folders(temporary.path).sweep();
    expect(readdirSync(temporary.path)).toEqual(['cirrus-builder']);
    expect((await orphan.exited).signal).toBe('SIGKILL');
  });

  test('a task that comes while they are being removed gets the stable folder all the same', async () => {
    using temporary = tempFolder();
    leftover(temporary.path, 'cirrus-build');
    const all = folders(temporary.path);
    const [folder] = await Promise.all([all.make(), all.sweep()]);
    expect([folder.path, readdirSync(folder.path)]).toEqual([join(temporary.path, 'cirrus-build'), []]);
    await folder.remove();
  });

  test('W21: those of a worker that lives stay', async () => {
    using temporary = tempFolder();
    const folder = await folders(temporary.path).make();
    await folders(temporary.path).sweep();
    expect(existsSync(folder.path)).toBe(true);
    await folder.remove();
  });

  test('an owner file that a task has written removes nothing else', async () => {
    using temporary = tempFolder();
    const precious = join(temporary.path, 'precious');
    mkdirSync(precious);
    for (const name of ['../precious', 'precious', '../../etc', '.'])
      leftover(temporary.path, `cirrus-build-0000000${name.length}`, { mark: MARK, private: name });
    await folders(temporary.path).sweep();
    expect(existsSync(precious)).toBe(true);
  });

  test('the folder of an older worker, without an owner, is cleared unless somebody works in it', async () => {
    using temporary = tempFolder();
    const stable = join(temporary.path, 'cirrus-build');
    mkdirSync(stable);
    const busy = await sleeper({}, stable);
    const all = folders(temporary.path);
    const beside = await all.make();
    expect(beside.path).not.toBe(stable);
    busy.signalGroup('SIGKILL');
    await busy.exited;
    const folder = await all.make();
    expect(folder.path).toBe(stable);
    for (const each of [beside, folder]) await each.remove();
  });
});

describe('planted links', () => {
  test('a link in place of the folder goes, what it points to stays', async () => {
    using temporary = tempFolder();
    using outside = tempFolder();
    writeFileSync(join(outside.path, 'precious'), 'x');
    symlinkSync(outside.path, join(temporary.path, 'cirrus-build'));
    const folder = await folders(temporary.path).make();
    expect(lstatSync(folder.path).isDirectory()).toBe(true);
    expect(readdirSync(outside.path)).toEqual(['precious']);
    await folder.remove();
  });

  test('a link in place of the owner file is not written through', async () => {
    using temporary = tempFolder();
    using outside = tempFolder();
    const target = join(outside.path, 'precious');
    writeFileSync(target, 'x');
    symlinkSync(target, join(temporary.path, 'cirrus-build.owner'));
    const log = memoryLogger();
    const folder = await folders(temporary.path, log).make();
    expect(folder.path).not.toEndWith('cirrus-build');
    expect(readFileSync(target, 'utf8')).toBe('x');
    expect(log.lines.at(-1)?.message).toContain('another user holds the name');
    await folder.remove();
  });

  test('links that a task leaves lead nowhere when its folder is removed', async () => {
    using temporary = tempFolder();
    using outside = tempFolder();
    mkdirSync(join(outside.path, 'deep'));
    writeFileSync(join(outside.path, 'deep/precious'), 'x');
    const folder = await folders(temporary.path).make();
    mkdirSync(join(folder.path, 'a/b'), { recursive: true });
    symlinkSync(outside.path, join(folder.path, 'a/b/out'));
    symlinkSync('/', join(folder.path, 'root'));
    symlinkSync(outside.path, join(folder.privatePath, 'out'));
    await folder.remove();
    expect(readFileSync(join(outside.path, 'deep/precious'), 'utf8')).toBe('x');
    expect(readdirSync(temporary.path)).toEqual([]);
  });
});

test('a temporary folder in which everybody may rename everything is refused with what to do', async () => {
  using temporary = tempFolder();
  chmodSync(temporary.path, 0o777);
  await expect(folders(temporary.path).make()).rejects.toThrow('everybody may rename what is in it');
  chmodSync(temporary.path, 0o1777);
  await (await folders(temporary.path).make()).remove();
});

test('no room is a sentence, not an error number', async () => {
  using temporary = tempFolder();
  const file = join(temporary.path, 'file');
  writeFileSync(file, '');
  await expect(folders(join(file, 'tmp')).make()).rejects.toThrow(/^no working folder can be made in /);
});

test('locks are not left open: a hundred folders one after the other', async () => {
  using temporary = tempFolder();
  const all = folders(temporary.path);
  await (await all.make()).remove();
  const count = () => readdirSync(process.platform === 'linux' ? '/proc/self/fd' : '/dev/fd').length;
  const before = count();
  for (let round = 0; round < 100; round += 1) await (await all.make()).remove();
  expect(count()).toBeLessThan(before + 20);
});
