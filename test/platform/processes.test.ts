import { afterEach, describe, expect, test } from 'bun:test';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { AppError, describeError } from '../../src/lib/errors.ts';
import { findProcess } from '../../src/platform/process-table.ts';
import { type Child, type SpawnOptions, sendSignal, spawn } from '../../src/platform/processes.ts';
import { testNeeding } from '../support/requirement.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const PATH = '/usr/bin:/bin';
const started: Child[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.signalGroup('SIGKILL');
});

async function start(options: SpawnOptions): Promise<Child> {
  const child = await spawn(options);
  started.push(child);
  return child;
}

describe('what cannot be started says why', () => {
  const refusal = (options: SpawnOptions) =>
    start(options).then(
      () => 'started',
      (error: unknown) => {
        expect(error).toBeInstanceOf(AppError);
        return describeError(error);
      },
    );

  test.each([
    [['no-such-program-here'], 'program no-such-program-here was not found; install it or correct the path'],
    [['/no/such/program'], 'program /no/such/program was not found; install it or correct the path'],
    [['/tmp'], '/tmp is not executable; run chmod +x /tmp'],
  ])('%j', async (argv, message) => {
    expect(await refusal({ argv, env: { PATH } })).toBe(message);
  });

  test('a folder that is missing, or none', async () => {
    using folder = tempFolder();
    const file = join(folder.path, 'file');
    writeFileSync(file, '');
    expect(await refusal({ argv: ['true'], env: { PATH }, cwd: '/no/such' })).toBe(
      'folder /no/such does not exist; create it',
    );
    expect(await refusal({ argv: ['true'], env: { PATH }, cwd: file })).toBe(
      `${file} is not a folder; correct the path`,
    );
  });

  test('a script that is not executable, has no interpreter, or is no script', async () => {
    using folder = tempFolder();
    const file = (name: string, content: string, mode: number) => {
      const path = join(folder.path, name);
      writeFileSync(path, content);
      chmodSync(path, mode);
      return path;
    };
    const plain = file('plain', '#!/bin/sh\n', 0o644);
    expect(await refusal({ argv: [plain], env: { PATH } })).toBe(`${plain} is not executable; run chmod +x ${plain}`);
    const lost = file('lost', '#!/no/such/interpreter\n', 0o755);
    expect(await refusal({ argv: [lost], env: { PATH } })).toBe(
      `the interpreter that ${lost} names in its first line was not found; install it or correct it`,
    );
    const noise = file('noise', '\x00\x01', 0o755);
    expect(await refusal({ argv: [noise], env: { PATH } })).toBe(
      `${noise} is not a program of this system; a script needs a #! line`,
    );
  });

  test('nothing, and what no system takes', async () => {
    expect(await refusal({ argv: [], env: {} })).toContain('could not be started');
    expect(await refusal({ argv: ['true', 'a\0b'], env: { PATH } })).toContain('could not be started');
  });
});

describe('how it ended', () => {
  test.each([
    ['exit 0', { code: 0, signal: null }],
    ['exit 3', { code: 3, signal: null }],
    ['kill -9 $$', { code: null, signal: 'SIGKILL' }],
    ['kill -TERM $$', { code: null, signal: 'SIGTERM' }],
  ] as const)('%s', async (script, exit) => {
    const child = await start({ argv: ['sh', '-c', script], env: { PATH } });
    expect(await child.exited).toEqual(exit);
  });
});

test('the environment is the given one and nothing else', async () => {
  const child = await start({ argv: ['/usr/bin/env'], env: { ONLY: 'this', EMPTY: '' }, stdout: 'pipe' });
  expect((await text(child.stdout as NodeJS.ReadableStream)).trim().split('\n').sort()).toEqual([
    'EMPTY=',
    'ONLY=this',
  ]);
});

test('input, both outputs and the folder', async () => {
  using folder = tempFolder();
  const argv = ['sh', '-c', 'cat; pwd -P >&2'];
  const pipes = { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' } as const;
  const child = await start({ argv, env: { PATH }, cwd: folder.path, ...pipes });
  child.stdin?.end('hello');
  expect(await text(child.stdout as NodeJS.ReadableStream)).toBe('hello');
  expect(await text(child.stderr as NodeJS.ReadableStream)).toEndWith(`${folder.path}\n`);
});

test('by default nothing is connected', async () => {
  const child = await start({ argv: ['true'], env: { PATH } });
  expect([child.stdin, child.stdout, child.stderr, child.control]).toEqual([null, null, null, null]);
});

describe('groups', () => {
  const family = async (options: Partial<SpawnOptions> = {}) => {
    const argv = ['sh', '-c', 'sleep 4242 & echo $!; wait'];
    const child = await start({ argv, env: { PATH }, stdout: 'pipe', ...options });
    const { promise, resolve } = Promise.withResolvers<number>();
    child.stdout?.once('data', (data: Buffer) => resolve(Number.parseInt(String(data), 10)));
    return { child, grandchild: await promise };
  };

  test('a child leads its own, and a signal to it reaches the grandchild', async () => {
    const { child, grandchild } = await family();
    expect(findProcess(grandchild)?.pgid).toBe(child.pid);
    child.signalGroup('SIGTERM');
    expect(await child.exited).toEqual({ code: null, signal: 'SIGTERM' });
    await waitFor('the grandchild to end', () => findProcess(grandchild) === undefined);
  });

  test('a signal to the child alone leaves the grandchild, whom the group still reaches', async () => {
    const { child, grandchild } = await family();
    child.signal('SIGKILL');
    await child.exited;
    expect(findProcess(grandchild)).toBeDefined();
    child.signalGroup('SIGKILL');
    await waitFor('the grandchild to end', () => findProcess(grandchild) === undefined);
  });

  test('signals to what is gone are no error', async () => {
    const child = await start({ argv: ['true'], env: { PATH } });
    await child.exited;
    child.signal('SIGTERM');
    child.signalGroup('SIGTERM');
    expect(sendSignal(child.pid, 0)).toBe(false);
  });

  test('without a group of its own it stays in ours', async () => {
    const child = await spawn({ argv: ['sleep', '4242'], env: { PATH }, ownGroup: false });
    try {
      await waitFor('the program', () => findProcess(child.pid)?.command === 'sleep 4242');
      expect(findProcess(child.pid)?.pgid).toBe(findProcess(process.pid)?.pgid as number);
    } finally {
      child.signal('SIGKILL');
      await child.exited;
    }
  });
});

const asRoot = testNeeding(
  'programs as another user',
  process.getuid?.() === 0 ? undefined : 'only root may start them',
);
asRoot('as another user, without further groups', async () => {
  const user = { name: 'no-account', uid: 54_321, gid: 54_322 };
  const argv = ['sh', '-c', 'id -u; id -g; id -G'];
  const child = await start({ argv, env: { PATH }, cwd: '/', stdout: 'pipe', user });
  expect(await text(child.stdout as NodeJS.ReadableStream)).toBe('54321\n54322\n54322\n');
});
