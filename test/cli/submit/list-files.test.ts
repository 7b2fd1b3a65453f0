import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describeTree, listFiles } from '../../../src/cli/submit/list-files.ts';
import { packTree } from '../../../src/cli/submit/pack-tree.ts';
import { readTar } from '../../../src/lib/tar-reader.ts';
import { processEnvironment } from '../../../src/platform/environment.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const NEVER = new AbortController().signal;
const ENV = {
  ...processEnvironment(),
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CEILING_DIRECTORIES: '/tmp',
};
const FILES: Readonly<Record<string, string>> = {
  '.gitignore': '*.log\n/build/\n',
  'a.txt': 'a',
  'x.log': 'ignored',
  'build/out': 'ignored',
  'sub/build/kept': 'kept',
  'sub/.gitignore': '!keep.log\nsecret\n',
  'sub/keep.log': 'kept',
  'sub/drop.log': 'ignored',
  'sub/secret': 'ignored',
  'name with\nline end': 'odd',
};
const KEPT = ['.gitignore', 'a.txt', 'name with\nline end', 'sub/.gitignore', 'sub/build/kept', 'sub/keep.log'];

const folder = tempFolder();

function write(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

function git(...args: readonly string[]): void {
  const identity = ['-c', 'user.name=n', '-c', 'user.email=e@e'];
  const { exitCode, stderr } = Bun.spawnSync(['git', ...identity, ...args], {
    cwd: folder.path,
    env: ENV,
    stderr: 'pipe',
  });
  if (exitCode !== 0) throw new Error(stderr.toString());
}

beforeAll(() => {
  write(folder.path, { ...FILES, 'tracked.log': 'tracked although ignored', 'deleted.txt': 'x' });
  git('init', '--quiet', '--initial-branch=topic/x');
  git('add', '-f', 'tracked.log', 'deleted.txt', 'a.txt');
  git('commit', '--quiet', '-m', 'First\n\nwith a body');
  rmSync(join(folder.path, 'deleted.txt'));
});

afterAll(() => folder[Symbol.dispose]());

describe('which files are sent', () => {
  test('in a checkout: what git knows or does not ignore', async () => {
    expect(await listFiles(folder.path, ENV, NEVER)).toEqual([...KEPT, 'deleted.txt', 'tracked.log'].sort());
    expect(await describeTree(folder.path, ENV, NEVER)).toEqual({ branch: 'topic/x', message: 'First\n\nwith a body' });
  });

  test('in a folder of a checkout: its own files only', async () => {
    expect(await listFiles(join(folder.path, 'sub'), ENV, NEVER)).toEqual(['.gitignore', 'build/kept', 'keep.log']);
  });

  test.each([
    ['without git', { PATH: '/nonexistent' }],
    ['outside a checkout', ENV],
  ])('%s: what no .gitignore names', async (_title, env) => {
    using plain = tempFolder();
    write(plain.path, { ...FILES, '.git/config': 'never' });
    if (env === ENV) rmSync(join(plain.path, '.git'), { recursive: true });
    expect(await listFiles(plain.path, env, NEVER)).toEqual(KEPT);
    expect(await describeTree(plain.path, env, NEVER)).toEqual({ branch: 'worktree', message: 'worktree' });
  });

  test('a folder that is none is told', async () => {
    using plain = tempFolder();
    write(plain.path, { file: '' });
    const failure = (name: string) => listFiles(join(plain.path, name), ENV, NEVER).catch(String);
    expect(await failure('none')).toContain('does not exist');
    expect(await failure('file')).toContain('is not a folder');
  });
});

async function packed(root: string, paths: readonly string[]) {
  const warnings: string[] = [];
  const entries: Record<string, string> = {};
  for await (const entry of readTar(packTree(root, paths, (text) => warnings.push(text)))) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of entry.content) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const mark = entry.type === 'symlink' ? `-> ${entry.linkTarget}` : entry.executable ? '*' : '';
    entries[entry.path] = `${mark}${text.length > 50 ? `${text.length} bytes` : text}`;
  }
  return { entries, warnings };
}

test('links and executable bits are kept; what is gone or no file is left out with a word', async () => {
  using plain = tempFolder();
  write(plain.path, { run: 'r', plain: 'p', large: 'x'.repeat(3_000_000), 'inner/file': '' });
  chmodSync(join(plain.path, 'run'), 0o755);
  symlinkSync('nowhere', join(plain.path, 'link'));
  Bun.spawnSync(['mkfifo', join(plain.path, 'pipe')]);
  const paths = ['gone', 'inner/', 'large', 'link', 'pipe', 'plain', 'plain/below', 'run'];
  expect(await packed(plain.path, paths)).toEqual({
    entries: { large: '3000000 bytes', link: '-> nowhere', plain: 'p', run: '*r' },
    warnings: [
      'gone is not there any more, left out',
      'inner is a repository of its own, left out',
      'pipe is not a regular file, left out',
      'plain/below is not there any more, left out',
    ],
  });
});
