import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRemoteRepositories, type RemoteRepositories } from '../../../src/hub/source/remote-repository.ts';
import { chooseRevision, parseRefs } from '../../../src/hub/source/wanted-revision.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const folder = tempFolder();
const work = join(folder.path, 'work');
const url = `file://${work}`;
const never = new AbortController().signal;
const commits: string[] = [];
const opened: { remotes?: RemoteRepositories } = {};

function git(...args: string[]): string {
  const identity = ['-c', 'user.name=n', '-c', 'user.email=e@x'];
  const env = { PATH: process.env.PATH ?? '', HOME: folder.path, GIT_CONFIG_NOSYSTEM: '1' };
  return execFileSync('git', [...identity, ...args], { cwd: work, env, encoding: 'utf8' }).trim();
}

function commit(files: Record<string, string>, message: string): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(work, name), text);
  git('add', '.');
  git('commit', '-q', '-m', message);
  commits.push(git('rev-parse', 'HEAD'));
}

beforeAll(() => {
  mkdirSync(work);
  git('init', '-q', '-b', 'trunk');
  commit({ '.cirrus.yml': 'first: 1\n', a: '1' }, 'first');
  commit({ '.cirrus.yml': 'second: 2\n', b: '2' }, 'second\n\nbody');
  git('tag', '-a', 'v1', '-m', 'one');
  git('checkout', '-q', '-b', 'side', commits[0] ?? '');
  commit({ 'ci.yaml': 'side: 3\n' }, 'third');
  git('checkout', '-q', 'trunk');
  opened.remotes = createRemoteRepositories({
    folder: join(folder.path, 'scratch'),
    allowed: ['file:///*'],
    clock: systemClock,
    env: { PATH: process.env.PATH ?? '' },
  });
});

afterAll(() => folder[Symbol.dispose]());

function fetch(wanted: { rev?: string; branch?: string; configPath?: string; url?: string } = {}, signal = never) {
  const { remotes } = opened;
  if (remotes === undefined) throw new Error('not open');
  return remotes.fetch({ url, ...wanted }, undefined, signal);
}

describe('a revision of a repository', () => {
  test('the newest of the default branch', async () => {
    const { timestampS, ...fetched } = await fetch();
    expect(fetched).toEqual({
      url,
      revision: commits[1] ?? '',
      branch: 'trunk',
      tag: undefined,
      defaultBranch: 'trunk',
      message: 'second\n\nbody',
      config: { path: '.cirrus.yml', text: 'second: 2\n' },
      affectedFiles: ['.cirrus.yml', 'b'],
    });
    expect(timestampS).toBeGreaterThan(1.7e9);
  });

  test('a commit that is no branch’s newest, whose first has changed everything that is in it', async () => {
    const fetched = await fetch({ rev: commits[0] ?? '' });
    expect(fetched).toMatchObject({
      branch: 'trunk',
      config: { text: 'first: 1\n' },
      affectedFiles: ['.cirrus.yml', 'a'],
    });
  });

  test('a branch, found by its commit or by its name, with another configuration', async () => {
    for (const wanted of [{ rev: commits[2] ?? '' }, { rev: 'side' }, { branch: 'side' }]) {
      const fetched = await fetch({ ...wanted, configPath: 'ci.yaml' });
      expect(fetched).toMatchObject({ revision: commits[2] ?? '', branch: 'side', config: { text: 'side: 3\n' } });
    }
  });

  test('a tag stands for its commit', async () => {
    expect(await fetch({ rev: 'v1' })).toMatchObject({ revision: commits[1] ?? '', tag: 'v1', branch: 'v1' });
  });

  test.each([
    ['a commit that is not there', { rev: 'f'.repeat(40) }, 'UNAVAILABLE'],
    ['a branch that is not there', { branch: 'nope' }, 'CONFIG'],
    ['a name like an option', { rev: '--upload-pack=id' }, 'CONFIG'],
    ['a configuration that is not there', { configPath: 'nope.yml' }, 'CONFIG'],
    ['a configuration that is a folder’s way out', { configPath: '../x' }, 'UNAVAILABLE'],
    ['an address that is not allowed', { url: 'https://example.invalid/o/r' }, 'CONFIG'],
    ['a folder that is none', { url: 'file:///nowhere/at/all' }, 'UNAVAILABLE'],
  ])('%s is refused, and nothing is left', async (_title, wanted, code) => {
    await expect(fetch(wanted)).rejects.toMatchObject({ code });
    const scratch = join(folder.path, 'scratch');
    expect(existsSync(scratch) ? readdirSync(scratch) : []).toEqual([]);
  });

  test('a caller that leaves ends it', async () => {
    const stop = new AbortController();
    const fetching = fetch({}, stop.signal);
    stop.abort(new Error('left'));
    await expect(fetching).rejects.toThrow('left');
  });
});

test('what the remote side lists is taken by its form alone', async () => {
  const sha = 'a'.repeat(40);
  const text = `ref: refs/heads/main\tHEAD\n${sha}\tHEAD\nodd line\n${sha}\trefs/heads/main\n${'b'.repeat(20)}`;
  expect([...parseRefs(text).refs.keys()]).toEqual(['HEAD', 'refs/heads/main']);
  expect(await chooseRevision(async () => text, { url, rev: sha })).toMatchObject({ branch: 'main' });
  expect(await chooseRevision(async () => '', { url, rev: sha })).toMatchObject({ branch: 'main' });
});
