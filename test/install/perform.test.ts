import { describe, expect, test } from 'bun:test';
import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { performStep } from '../../src/install/perform.ts';
import type { Step } from '../../src/install/step.ts';
import type { World } from '../../src/install/world.ts';
import { AppError } from '../../src/lib/errors.ts';
import { Secret } from '../../src/lib/secret.ts';
import type { ProgramAnswer } from '../../src/platform/ask-program.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { tempFolder } from '../support/temp-folder.ts';

const never = new AbortController().signal;

function worldAt(root: string, answers: readonly Partial<ProgramAnswer>[] = []) {
  const asked: string[][] = [];
  const ended: number[] = [];
  const clock = new FakeClock();
  const world: World = {
    platform: 'linux',
    root,
    uid: process.getuid?.() ?? 1,
    pid: process.pid,
    clock: { ...clock, monoMs: () => clock.monoMs(), sleep: () => Promise.resolve() } as World['clock'],
    run: (argv) => {
      const answer = answers[asked.length] ?? {};
      asked.push([...argv]);
      return Promise.resolve({ code: 0, stdout: '', stderr: '', ...answer });
    },
    processes: () => [],
    end: (pid) => {
      ended.push(pid);
      return Promise.resolve();
    },
  };
  return { world, asked, ended };
}

const why = 'because';

describe('files', () => {
  test('are written below the root, whole, with exactly the mode, whatever the umask', async () => {
    using folder = tempFolder();
    const { world } = worldAt(folder.path);
    const before = process.umask(0o077);
    try {
      await performStep({ tag: 'folder', path: '/a/b', mode: 0o755, why }, world, never);
      await performStep({ tag: 'write', path: '/a/b/script', content: 'text', mode: 0o755, why }, world, never);
      await performStep(
        { tag: 'write', path: '/a/b/token', content: new Secret('s3'), mode: 0o600, why },
        world,
        never,
      );
      await performStep(
        { tag: 'copy', from: `${folder.path}/a/b/script`, path: '/a/copy', mode: 0o755, why },
        world,
        never,
      );
      await performStep({ tag: 'link', path: '/a/link', target: '/else', why }, world, never);
      await performStep({ tag: 'link', path: '/a/link', target: '/where', why }, world, never);
    } finally {
      process.umask(before);
    }
    const at = (path: string) => [
      readFileSync(`${folder.path}/${path}`, 'utf8'),
      statSync(`${folder.path}/${path}`).mode & 0o777,
    ];
    expect([at('a/b/script'), at('a/b/token'), at('a/copy')]).toEqual([
      ['text', 0o755],
      ['s3', 0o600],
      ['text', 0o755],
    ]);
    expect(statSync(`${folder.path}/a/b`).mode & 0o777).toBe(0o755);
    expect(lstatSync(`${folder.path}/a/link`).isSymbolicLink()).toBe(true);
    expect(readdirSync(`${folder.path}/a/b`).sort()).toEqual(['script', 'token']);
  });

  test('mode and removal; what is gone is no error, a folder that is not empty is', async () => {
    using folder = tempFolder();
    const { world } = worldAt(folder.path);
    writeFileSync(`${folder.path}/x`, '');
    mkdirSync(`${folder.path}/full/inner`, { recursive: true });
    await performStep({ tag: 'mode', path: '/x', mode: 0o640, why }, world, never);
    expect(statSync(`${folder.path}/x`).mode & 0o777).toBe(0o640);
    for (const path of ['/x', '/x', '/full/inner']) await performStep({ tag: 'remove', path, why }, world, never);
    expect(readdirSync(folder.path)).toEqual(['full']);
    mkdirSync(`${folder.path}/full/inner`);
    const refused = performStep({ tag: 'remove', path: '/full', why }, world, never);
    expect(refused).rejects.toMatchObject({ exitCode: 78 });
  });
});

describe('programs', () => {
  const run = (step: Partial<Extract<Step, { tag: 'run' }>> = {}): Step => ({
    tag: 'run',
    argv: ['tool', 'x'],
    why,
    ...step,
  });

  test('one that fails ends the installation with its last line', async () => {
    const { world } = worldAt('/', [{ code: 9, stderr: 'first\nno such thing\n' }]);
    const refused = await performStep(run(), world, never).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(AppError);
    expect(refused).toMatchObject({ exitCode: 78, message: 'tool x failed with 9: no such thing' });
  });

  test('an optional one only warns', async () => {
    const { world } = worldAt('/', [{ code: 1, stdout: 'said' }]);
    expect(await performStep(run({ optional: true }), world, never)).toEqual(['tool x failed with 1: said']);
  });

  test('one that may be early is tried again', async () => {
    const { world, asked } = worldAt('/', [{ code: 5 }, { code: 5 }, { code: 0 }]);
    expect(await performStep(run({ tries: 3 }), world, never)).toEqual([]);
    expect(asked.length).toBe(3);
  });
});

test('ends only what was listed', async () => {
  const { world, ended } = worldAt('/');
  await performStep({ tag: 'end', pid: 42, started: '7', command: 'x', why }, world, never);
  expect(ended).toEqual([42]);
});

test.each([
  ['EROFS', 78, 'could not end process 42 (x): the file system is read-only'],
  ['EACCES', 77, 'could not end process 42 (x): this user may not'],
  ['EPERM', 77, 'could not end process 42 (x): this user may not'],
  ['ENOSPC', 78, 'could not end process 42 (x): the disk is full'],
  ['EIO', 78, 'could not end process 42 (x): EIO'],
])('%s is one sentence', async (code, exitCode, message) => {
  const { world } = worldAt('/');
  const end = () => Promise.reject(Object.assign(new Error('raw'), { code }));
  const step: Step = { tag: 'end', pid: 42, started: '7', command: 'x', why };
  await expect(performStep(step, { ...world, end }, never)).rejects.toMatchObject({ exitCode, message });
});

test('a mistake of ours is not dressed up', async () => {
  const { world } = worldAt('/');
  const end = () => Promise.reject(new TypeError('ours'));
  const step: Step = { tag: 'end', pid: 42, started: '7', command: 'x', why };
  await expect(performStep(step, { ...world, end }, never)).rejects.toBeInstanceOf(TypeError);
});
