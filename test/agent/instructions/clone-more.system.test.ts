import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { listProcesses, type ProcessInfo } from '../../../src/platform/process-table.ts';
import { CommandSchema } from '../../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { FakeAgentServer, script } from '../../support/fake-agent-server.ts';
import { programGap, testNeeding } from '../../support/requirement.ts';
import { runTestAgent, TEST_ENVIRONMENT } from '../../support/run-test-agent.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const root = mkdtempSync(join(tmpdir(), 'pwagent-clone-'));
const TOKEN = 'very-secret-token';

function git(...args: string[]): string {
  const who = { GIT_AUTHOR_NAME: 't', GIT_AUTHOR_EMAIL: 't@t', GIT_COMMITTER_NAME: 't', GIT_COMMITTER_EMAIL: 't@t' };
  const env = {
    ...TEST_ENVIRONMENT,
    ...who,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_LFS_SKIP_SMUDGE: '1',
  };
  const { exitCode, stdout, stderr } = Bun.spawnSync(['git', ...args], { cwd: root, env });
  if (exitCode !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`);
  return stdout.toString().trim();
}

function commit(repository: string, files: Record<string, string>, message: string): string {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(root, repository, name), content);
  git('-C', repository, 'add', '.');
  git('-C', repository, 'commit', '--quiet', '-m', message);
  return git('-C', repository, 'rev-parse', 'HEAD');
}

const LARGE = 'the content of a large file\n';
const LARGE_ID = createHash('sha256').update(LARGE).digest('hex');
const POINTER = `version https://git-lfs.github.com/spec/v1\noid sha256:${LARGE_ID}\nsize ${LARGE.length}\n`;

/** What was asked for, with its credentials. */
const asked: { path: string; authorization: string | null }[] = [];
/** Processes whose command line showed the token while something was asked for. */
const exposed: ProcessInfo[] = [];
const failures = { left: 0 };

/** Serves repositories as plain files to whoever has the password or the token, and large files as Git LFS wants them. */
const web = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  async fetch(request) {
    const { pathname } = new URL(request.url);
    const authorization = request.headers.get('authorization');
    asked.push({ path: pathname, authorization });
    if (!pathname.startsWith(`/${TOKEN}/`))
      exposed.push(...listProcesses().filter(({ command }) => command.includes(TOKEN)));
    if (failures.left > 0) {
      failures.left -= 1;
      return new Response('restarting', { status: 503 });
    }
    const isOpen = pathname.startsWith(`/${TOKEN}/`);
    const right = `Basic ${Buffer.from(`x-access-token:${TOKEN}`).toString('base64')}`;
    if (!isOpen && authorization !== right) {
      return new Response('who are you?', { status: 401, headers: { 'www-authenticate': 'Basic realm="git"' } });
    }
    const path = isOpen ? pathname.slice(TOKEN.length + 1) : pathname;
    if (path.endsWith('/info/lfs/objects/batch')) {
      const { objects } = (await request.json()) as { objects: { oid: string; size: number }[] };
      const origin = new URL(request.url).origin;
      const answer = objects.map((object) => ({
        ...object,
        actions: { download: { href: `${origin}/${TOKEN}/object/${object.oid}` } },
      }));
      return Response.json(
        { transfer: 'basic', objects: answer },
        { headers: { 'content-type': 'application/vnd.git-lfs+json' } },
      );
    }
    if (path === `/object/${LARGE_ID}`) return new Response(LARGE);
    const file = join(root, path);
    return existsSync(file) && statSync(file).isFile()
      ? new Response(Bun.file(file))
      : new Response('no', { status: 404 });
  },
});

const at = (host: string) => `http://${host}:${web.port}`;
const commits: Record<string, string> = {};

beforeAll(() => {
  for (const name of ['source', 'library', 'stranger', 'large']) {
    git('init', '--quiet', '-b', 'main', name);
    git('init', '--quiet', '--bare', '-b', 'main', `${name}.git`);
    git('-C', `${name}.git`, 'config', 'uploadpack.allowAnySHA1InWant', 'true');
  }
  commit('library', { lib: 'of the library\n' }, 'library');
  commits.base = commit('source', { file: 'base\n' }, 'base');
  git('-C', 'source', 'checkout', '--quiet', '-b', 'topic');
  commits.head = commit('source', { topic: 'topic\n' }, 'topic');
  git('-C', 'source', 'checkout', '--quiet', 'main');
  commits.moved = commit('source', { file: 'moved on\n' }, 'moved on');
  git('-C', 'source', 'checkout', '--quiet', '-b', 'merged');
  git('-C', 'source', 'merge', '--quiet', '--no-ff', '-m', 'merge', 'topic');
  git('-C', 'source', 'push', '--quiet', '../source.git', 'main', 'topic:refs/pull/7/head', 'merged:refs/pull/7/merge');
  git('-C', 'library', 'push', '--quiet', '../library.git', 'main');
  commit(
    'large',
    { '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n', 'a.bin': POINTER, other: 'x\n' },
    'large',
  );
  git('-C', 'large', 'push', '--quiet', '../large.git', 'main');
  git('-C', 'source', 'checkout', '--quiet', 'main');
  mkdirSync(join(root, 'source/.git/x'), { recursive: true });
  const modules = `[submodule "near"]\n\tpath = near\n\turl = ../library.git\n[submodule "far"]\n\tpath = far\n\turl = ${at('localhost')}/${TOKEN}/library.git\n`;
  writeFileSync(join(root, 'source/.gitmodules'), modules);
  const library = git('-C', 'library', 'rev-parse', 'HEAD');
  for (const name of ['near', 'far'])
    git('-C', 'source', 'update-index', '--add', '--cacheinfo', `160000,${library},${name}`);
  git('-C', 'source', 'add', '.gitmodules');
  git('-C', 'source', 'commit', '--quiet', '-m', 'submodules');
  git('-C', 'source', 'push', '--quiet', '../source.git', 'HEAD:refs/heads/with-submodules');
  for (const name of ['source', 'library', 'large']) git('-C', `${name}.git`, 'update-server-info');
});

afterAll(async () => {
  await web.stop(true);
  rmSync(root, { recursive: true, force: true });
});

const CLONE = create(CommandSchema, { name: 'clone', instruction: { case: 'cloneInstruction', value: {} } });

async function runClone(
  environment: Record<string, string>,
  lines: readonly string[],
  prepare?: (folder: string) => void,
) {
  using folder = tempFolder();
  prepare?.(join(folder.path, 'work'));
  const commands = [CLONE, script('look', lines)];
  const response = {
    serverToken: 'server secret',
    timeoutInSeconds: 60n,
    commands,
    environment,
    secretsToMask: [TOKEN],
  };
  await using server = new FakeAgentServer(response);
  await server.start();
  await runTestAgent(server, folder.path);
  const seen = (server.saved('look') ?? '').split('\n').slice(lines.length, -1);
  return { results: server.results, log: server.saved('clone') ?? '', seen };
}

const plain = () => ({ CIRRUS_REPO_CLONE_URL: `file://${join(root, 'source.git')}` });

// specification of the agent, 13.13
describe('what is checked out', () => {
  test('a branch whose tip is newer than the commit: the commit, and the last line names both', async () => {
    const { log, seen } = await runClone(
      { ...plain(), CIRRUS_BRANCH: 'main', CIRRUS_CHANGE_IN_REPO: commits.base ?? '', CIRRUS_CLONE_DEPTH: '1' },
      ['git rev-parse HEAD'],
    );
    expect(seen).toEqual([commits.base ?? '']);
    expect(log.trimEnd().split('\n').at(-1)).toBe(`Checked out ${commits.base} (branch main).`);
  });

  test('a pull request: its head, without what the base branch got since', async () => {
    const environment = {
      ...plain(),
      CIRRUS_PR: '7',
      CIRRUS_BRANCH: 'pull/7',
      CIRRUS_CHANGE_IN_REPO: commits.head ?? '',
    };
    const { seen } = await runClone(environment, ['git rev-parse HEAD; cat file topic']);
    expect(seen).toEqual([commits.head ?? '', 'base', 'topic']);
  });

  test('a pull request as it would be merged: with what the base branch got since', async () => {
    const environment = {
      ...plain(),
      CIRRUS_PR: '7',
      CIRRUS_CHANGE_IN_REPO: commits.head ?? '',
      CIRRUS_RESOLUTION_STRATEGY: 'MERGE_FOR_PRS',
      CIRRUS_CLONE_DEPTH: '1',
    };
    const { seen } = await runClone(environment, ['cat file topic; git rev-list --count HEAD']);
    expect(seen).toEqual(['moved on', 'topic', '3']); // the merge and both parents
  });

  test('C4: the merge strategy does not concern a branch', async () => {
    const environment = {
      ...plain(),
      CIRRUS_BRANCH: 'main',
      CIRRUS_CHANGE_IN_REPO: commits.base ?? '',
      CIRRUS_RESOLUTION_STRATEGY: 'MERGE_FOR_PRS',
    };
    expect((await runClone(environment, ['git rev-parse HEAD'])).seen).toEqual([commits.base ?? '']);
  });

  test('C5: a commit that a forced push took from its branch', async () => {
    const environment = {
      ...plain(),
      CIRRUS_BRANCH: 'main',
      CIRRUS_CHANGE_IN_REPO: commits.head ?? '',
      CIRRUS_CLONE_DEPTH: '1',
    };
    expect((await runClone(environment, ['git rev-parse HEAD'])).seen).toEqual([commits.head ?? '']);
  });
});

describe('a folder that is not empty', () => {
  test('C6: what was restored before stays; files of the commit win; what a killed git left is cleared', async () => {
    const prepare = (folder: string) => {
      mkdirSync(join(folder, '.git'), { recursive: true });
      writeFileSync(join(folder, 'restored'), 'from a cache\n');
      writeFileSync(join(folder, 'file'), 'in the way\n');
      writeFileSync(join(folder, '.git/index.lock'), '');
    };
    const { seen, log, results } = await runClone(
      { ...plain(), CIRRUS_BRANCH: 'main' },
      ['cat restored file'],
      prepare,
    );
    expect(results.clone).toBe('COMPLETED');
    expect(seen).toEqual(['from a cache', 'moved on']);
    expect(log).toContain('Removed .git/index.lock');
  });

  test('a clone that is there is used again, whatever state it is in', async () => {
    const prepare = (folder: string) => {
      git('clone', '--quiet', `file://${join(root, 'source.git')}`, folder);
      writeFileSync(join(folder, 'file'), 'changed\n');
      git('-C', folder, 'checkout', '--quiet', '-b', 'somewhere', '--');
    };
    const { seen, results } = await runClone(
      { ...plain(), CIRRUS_BRANCH: 'main' },
      ['git status --short; git branch --show-current; cat file'],
      prepare,
    );
    expect(results.clone).toBe('COMPLETED');
    expect(seen).toEqual(['main', 'moved on']);
  });

  test('a server that restarts is waited for, and nothing is deleted meanwhile (C6)', async () => {
    failures.left = 2;
    const prepare = (folder: string) => {
      mkdirSync(folder);
      writeFileSync(join(folder, 'restored'), 'from a cache\n');
    };
    const environment = { CIRRUS_REPO_CLONE_URL: `${at('127.0.0.1')}/${TOKEN}/source.git`, CIRRUS_BRANCH: 'main' };
    const { seen, log } = await runClone(environment, ['cat restored'], prepare);
    expect(seen).toEqual(['from a cache']);
    expect(log).toContain('trying again');
  }, 20_000);
});

describe('credentials (S7)', () => {
  const environment = () => ({
    CIRRUS_REPO_CLONE_URL: `http://x-access-token:${TOKEN}@127.0.0.1:${web.port}/source.git`,
    CIRRUS_BRANCH: 'with-submodules',
    CIRRUS_CLONE_SUBMODULES: 'true',
  });

  test('serve the repository and submodules of its host alone and are remembered nowhere', async () => {
    asked.length = 0;
    const look = [
      `cat near/lib far/lib; git config remote.origin.url; grep -r ${TOKEN.slice(0, 9)} .git near far | head -3`,
    ];
    const { seen, results, log } = await runClone(environment(), look);
    expect({ results, log: results.clone === 'COMPLETED' ? '' : log }).toEqual({
      results: { clone: 'COMPLETED', look: 'COMPLETED 0' },
      log: '',
    });
    expect(seen.slice(0, 3)).toEqual(['of the library', 'of the library', `http://127.0.0.1:${web.port}/source.git`]);
    // the address of the far one holds the token of its own accord, in .gitmodules
    expect(seen.slice(3).filter((line) => !line.includes('modules/far') && !line.includes('localhost'))).toEqual([]);
    expect(
      asked.filter(({ path }) => path.startsWith('/library.git')).some(({ authorization }) => authorization !== null),
    ).toBe(true);
    expect(
      asked.filter(({ path }) => path.startsWith(`/${TOKEN}/`)).every(({ authorization }) => authorization === null),
    ).toBe(true);
  }, 20_000);
});

test('S1: no command line showed a password while git asked for something', () => {
  expect(asked.length).toBeGreaterThan(0);
  expect(exposed.map(({ command }) => command)).toEqual([]);
});

const lfsTest = testNeeding('Git LFS', programGap('git-lfs'));

describe('large files', () => {
  const from = (address: string) => ({ CIRRUS_REPO_CLONE_URL: address, CIRRUS_BRANCH: 'main' });

  lfsTest('come with the clone, and their address is remembered nowhere (P12)', async () => {
    const look = [
      `cat a.bin; git status --short; git config remote.origin.url; grep -r ${TOKEN} .git | head -3; ls .git/hooks 2>/dev/null`,
    ];
    const { seen, results, log } = await runClone(from(`${at('127.0.0.1')}/${TOKEN}/large.git`), look);
    expect({ results, log: results.clone === 'COMPLETED' ? '' : log }).toEqual({
      results: { clone: 'COMPLETED', look: expect.any(String) },
      log: '',
    });
    expect(seen).toEqual([LARGE.trim(), `http://127.0.0.1:${web.port}/redacted/large.git`]);
  });

  lfsTest('with a password in the address', async () => {
    const address = `http://x-access-token:${TOKEN}@127.0.0.1:${web.port}/large.git`;
    expect((await runClone(from(address), ['cat a.bin'])).seen).toEqual([LARGE.trim()]);
  });

  lfsTest('that are not on the server fail the step with a sentence', async () => {
    const { results, log } = await runClone(from(`file://${join(root, 'large.git')}`), ['true']);
    expect(results.clone).toBe('FAILED');
    expect(log).toContain('large files of file://');
    expect(log).toContain('git lfs push');
  });
});

test('the pointer of the tests is one', () => {
  expect(readFileSync(join(root, 'large/a.bin'), 'utf8')).toBe(POINTER);
});
