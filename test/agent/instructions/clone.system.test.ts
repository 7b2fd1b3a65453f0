import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { CommandSchema } from '../../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { FakeAgentServer, script } from '../../support/fake-agent-server.ts';
import { runTestAgent, TEST_ENVIRONMENT } from '../../support/run-test-agent.ts';
import { tarOf } from '../../support/tar-of.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const root = mkdtempSync(join(tmpdir(), 'pwagent-clone-'));
const bare = join(root, 'bare.git');
const TOKEN = 'very-secret-token';

function git(...args: string[]): string {
  const identity = {
    GIT_AUTHOR_NAME: 't',
    GIT_AUTHOR_EMAIL: 't@t',
    GIT_COMMITTER_NAME: 't',
    GIT_COMMITTER_EMAIL: 't@t',
  };
  const env = { ...TEST_ENVIRONMENT, ...identity, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
  return execFileSync('git', args, { env, cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

const commits: string[] = [];

/** Serves the repository as plain files behind a token, as the simplest web server would. */
const web = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch(request) {
    const { pathname } = new URL(request.url);
    const prefix = `/${TOKEN}/`;
    if (pathname === `${prefix}broken.tar`) return new Response('this is no archive'.repeat(100));
    if (!pathname.startsWith(prefix)) return new Response('no', { status: 404 });
    const file = join(root, pathname.slice(prefix.length));
    return existsSync(file) && statSync(file).isFile()
      ? new Response(Bun.file(file))
      : new Response('no', { status: 404 });
  },
});

beforeAll(() => {
  git('init', '--quiet', '--bare', '-b', 'main', bare);
  git('init', '--quiet', '-b', 'main', 'source');
  for (const number of [1, 2, 3]) {
    writeFileSync(join(root, 'source/file'), `version ${number}\n`);
    git('-C', 'source', 'add', '.');
    git('-C', 'source', 'commit', '--quiet', '-m', `commit ${number}`);
    commits.push(git('-C', 'source', 'rev-parse', 'HEAD'));
  }
  git('-C', 'source', 'tag', 'v2', commits[1] ?? '');
  git('-C', 'source', 'push', '--quiet', bare, 'main', 'v2', 'HEAD~1:refs/pull/7/head');
  git('-C', bare, 'update-server-info');
});

afterAll(async () => {
  await web.stop(true);
  rmSync(root, { recursive: true, force: true });
});

const CLONE = create(CommandSchema, { name: 'clone', instruction: { case: 'cloneInstruction', value: {} } });
const LOOK =
  'git rev-parse HEAD; git rev-parse --abbrev-ref HEAD; git rev-list --count HEAD; cat file; git config remote.origin.url; git status --porcelain';

async function runClone(
  environment: Record<string, string>,
  process = TEST_ENVIRONMENT,
  lines = [`{ ${LOOK}; } 2>&1`],
) {
  using folder = tempFolder();
  await using server = new FakeAgentServer({
    serverToken: 'server secret',
    timeoutInSeconds: 60n,
    commands: [CLONE, script('look', lines)],
    environment,
    secretsToMask: [TOKEN],
  });
  await server.start();
  const problem = await runTestAgent(server, folder.path, { process });
  const seen = (server.saved('look') ?? '').split('\n').slice(1, -1);
  return { problem, results: server.results, log: server.saved('clone') ?? '', seen };
}

describe('with git', () => {
  test('an older commit of a branch, alone', async () => {
    const { results, seen, log } = await runClone({
      CIRRUS_REPO_CLONE_URL: `file://${bare}`,
      CIRRUS_BRANCH: 'main',
      CIRRUS_CHANGE_IN_REPO: commits[1] ?? '',
      CIRRUS_CLONE_DEPTH: '1',
    });
    expect(results).toEqual({ clone: 'COMPLETED', look: 'COMPLETED 0' });
    expect(seen).toEqual([commits[1] ?? '', 'main', '1', 'version 2', `file://${bare}`]);
    expect(log).toContain(`Checked out ${commits[1]} (branch main).`);
  });

  test('the tip of a branch with its history', async () => {
    const { seen } = await runClone({ CIRRUS_REPO_CLONE_URL: `file://${bare}`, CIRRUS_BRANCH: 'main' });
    expect(seen.slice(0, 4)).toEqual([commits[2] ?? '', 'main', '3', 'version 3']);
  });

  test('a tag and a pull request stand on no branch', async () => {
    const url = { CIRRUS_REPO_CLONE_URL: `file://${bare}` };
    const tag = await runClone({ ...url, CIRRUS_TAG: 'v2' });
    expect(tag.seen.slice(0, 2)).toEqual([commits[1] ?? '', 'HEAD']);
    const pull = await runClone({ ...url, CIRRUS_PR: '7', CIRRUS_BRANCH: 'pull/7' });
    expect(pull.seen.slice(0, 2)).toEqual([commits[1] ?? '', 'HEAD']);
  });

  test('over HTTP from a server that can neither serve a lone commit nor cut the history; the token stays unknown', async () => {
    const { results, seen, log } = await runClone({
      CIRRUS_REPO_CLONE_URL: `http://127.0.0.1:${web.port}/${TOKEN}/bare.git`,
      CIRRUS_BRANCH: 'main',
      CIRRUS_CHANGE_IN_REPO: commits[0] ?? '',
      CIRRUS_CLONE_DEPTH: '1',
    });
    expect(results).toEqual({ clone: 'COMPLETED', look: 'COMPLETED 0' });
    expect(seen).toEqual([
      commits[0] ?? '',
      'main',
      '1',
      'version 1',
      `http://127.0.0.1:${web.port}/redacted/bare.git`,
    ]);
    expect(log).not.toContain(TOKEN);
    const found = await runClone(
      { CIRRUS_REPO_CLONE_URL: `http://127.0.0.1:${web.port}/${TOKEN}/bare.git`, CIRRUS_BRANCH: 'main' },
      TEST_ENVIRONMENT,
      [`grep -r ${TOKEN.slice(0, 8)} .git && exit 1; true`],
    );
    expect(found.results.look).toBe('COMPLETED 0');
  });

  test.each([
    [
      { CIRRUS_BRANCH: 'main', CIRRUS_CHANGE_IN_REPO: 'f'.repeat(40) },
      `revision ${'f'.repeat(40)} (branch main) is not in file://`,
    ],
    [{ CIRRUS_BRANCH: 'gone' }, 'branch gone is not in file://'],
  ])('a missing revision is told in one sentence: %j', async (environment, sentence) => {
    const { results, log } = await runClone({ CIRRUS_REPO_CLONE_URL: `file://${bare}`, ...environment });
    expect(results).toEqual({ clone: 'FAILED', look: 'SKIPPED' });
    expect(log).toContain(sentence);
    expect(log).toContain('forced push');
    expect(log.trim().split('\n')).toHaveLength(2);
  });

  test('a server that refuses is told without the token', async () => {
    const { results, log } = await runClone({
      CIRRUS_REPO_CLONE_URL: `http://127.0.0.1:${web.port}/x/${TOKEN}/none.git`,
    });
    expect(results.clone).toBe('FAILED');
    expect(log).toContain('refused to be cloned');
    expect(log).not.toContain(TOKEN);
  });

  test('neither address nor archive is a mistake of the server', async () => {
    expect((await runClone({})).log).toContain('CIRRUS_REPO_CLONE_URL is missing');
  });
});

describe('without git', () => {
  const noGit = { ...TEST_ENVIRONMENT, PATH: '/nonexistent' };
  const archiveUrl = (name: string) => `http://127.0.0.1:${web.port}/${TOKEN}/${name}`;

  test('the uploaded work tree is unpacked, and the log says so', async () => {
    const tar = tarOf(
      { path: 'bin', type: 'folder' },
      { path: 'bin/tool', executable: true, text: 'hi' },
      { path: 'link', type: 'symlink', linkTarget: '/etc' },
    );
    writeFileSync(join(root, 'tree.tar'), tar);
    const environment = {
      CIRRUS_REPO_CLONE_URL: `file://${bare}`,
      PWAGENT_SOURCE_ARCHIVE_URL: archiveUrl('tree.tar'),
      CIRRUS_SHELL: '/bin/sh',
    };
    const { results, log, seen } = await runClone(environment, noGit, [
      'test -x bin/tool',
      'read -r line < bin/tool || echo "$line"',
      'test -L link',
    ]);
    expect(log).toContain('There is no git on this machine, so the uploaded work tree is taken as an archive');
    expect(log).not.toContain(TOKEN);
    expect(results).toEqual({ clone: 'COMPLETED', look: 'COMPLETED 0' });
    expect(seen).toContain('hi');
  });

  test.each([
    ['missing.tar', 'the server answered 404'],
    ['broken.tar', 'the archive has a broken header'],
  ])('%s fails with a sentence', async (name, sentence) => {
    const { results, log } = await runClone({ PWAGENT_SOURCE_ARCHIVE_URL: archiveUrl(name) });
    expect(results.clone).toBe('FAILED');
    expect(log).toContain(sentence);
    expect(log).toContain('The hub offers no git repository');
  });

  test('nothing to clone from', async () => {
    const { log } = await runClone({ CIRRUS_REPO_CLONE_URL: `file://${bare}` }, noGit);
    expect(log).toContain('install git on the worker');
  });
});
