import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createSourceStore, redactSourcePath, type SourceStore } from '../../../src/hub/source/source-store.ts';
import { processEnvironment } from '../../../src/platform/environment.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { quietLogger } from '../../support/quiet-logger.ts';
import { inPieces, tarOf } from '../../support/tar-of.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const NEVER = new AbortController().signal;
const HOUR_MS = 3_600_000;
const tree = tarOf(
  { path: 'bin/run.sh', text: '#!/bin/sh\necho hi\n', executable: true },
  { path: 'empty' },
  { path: 'link', type: 'symlink', linkTarget: 'bin/run.sh' },
  { path: 'name with "quotes" and\nlines', text: 'ü' },
);

const folder = tempFolder();
const clock = new FakeClock();
const { log, lines } = quietLogger();
const encodings: (string | null)[] = [];
const opened: { store?: SourceStore; server?: ReturnType<typeof Bun.serve> } = {};

function store(): SourceStore {
  if (opened.store === undefined) throw new Error('not open');
  return opened.store;
}

beforeAll(async () => {
  const fetch = (request: Request) => {
    encodings.push(request.headers.get('content-encoding'));
    return store().handle(request);
  };
  opened.server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch });
  const publicUrl = () => `http://127.0.0.1:${opened.server?.port}`;
  const env = processEnvironment();
  opened.store = await createSourceStore({ folder: folder.path, publicUrl, clock, log, env }, NEVER);
});

afterAll(async () => {
  await opened.server?.stop(true);
  folder[Symbol.dispose]();
});

async function git(cwd: string, ...args: readonly string[]): Promise<string> {
  const env = { ...processEnvironment(), GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0' };
  const child = Bun.spawn(['git', ...args], { cwd, env, stdout: 'pipe', stderr: 'pipe' });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return code === 0 ? out.trim() : `exit ${code}: ${err}`;
}

async function build(bytes: Uint8Array, branch = 'main', message = 'a message\n\nwith a body') {
  const { treeId } = await store().putTree(inPieces(bytes, 1_000), NEVER);
  const revision = await store().commit(treeId, branch, message, NEVER);
  const { environment, secrets } = store().environmentFor({ id: '1', branch, revision, treeId }, HOUR_MS);
  return { treeId, revision, environment, secrets, url: environment.CIRRUS_REPO_CLONE_URL ?? '' };
}

describe('a stored work tree', () => {
  test('can be cloned, with executable bits, links and odd names', async () => {
    using work = tempFolder();
    const { url, revision } = await build(tree);
    expect(revision).toMatch(/^[0-9a-f]{40}$/);
    expect(await git(work.path, 'clone', '--quiet', '--depth=1', '--single-branch', '--branch=main', url, 'out')).toBe(
      '',
    );
    const out = join(work.path, 'out');
    expect(await git(out, 'log', '--format=%H %an <%ae> %B')).toContain(
      `${revision} pwagent <pwagent@localhost> a message\n\nwith a body`,
    );
    expect(lstatSync(join(out, 'bin/run.sh')).mode & 0o100).toBe(0o100); // the rest is the umask's
    expect(lstatSync(join(out, 'empty')).mode & 0o111).toBe(0);
    expect(readlinkSync(join(out, 'link'))).toBe('bin/run.sh');
    expect(readFileSync(join(out, 'name with "quotes" and\nlines'), 'utf8')).toBe('ü');
  });

  test.each(['0', '1', '2'])(
    'can be fetched by revision and sees only its own branch, protocol version %s',
    async (version) => {
      using work = tempFolder();
      await build(tarOf({ path: 'other' }), 'other-branch');
      const { url, revision } = await build(tree, 'feature/x');
      const refs = await git(work.path, '-c', `protocol.version=${version}`, 'ls-remote', url);
      expect([...new Set(refs.split('\n'))]).toEqual([`${revision}\tHEAD`, `${revision}\trefs/heads/feature/x`]);
      await git(work.path, 'init', '--quiet');
      const fetch = ['-c', `protocol.version=${version}`, 'fetch', '--quiet', '--depth=1', url, revision];
      expect(await git(work.path, ...fetch)).toBe('');
      expect(await git(work.path, 'rev-parse', 'FETCH_HEAD')).toBe(revision);
    },
  );

  test('a large request comes compressed and is understood', async () => {
    using work = tempFolder();
    const { url } = await build(tree);
    await git(work.path, 'init', '--quiet', '--initial-branch=x');
    const identity = ['-c', 'user.name=n', '-c', 'user.email=e'];
    for (let count = 0; count < 40; count += 1) {
      await git(work.path, ...identity, 'commit', '--quiet', '--allow-empty', '-m', `${count}`);
    }
    // Forty commits to tell about make the request long enough for git to compress it.
    expect(await git(work.path, 'fetch', '--quiet', url, 'main')).toBe('');
    expect(encodings).toContain('gzip');
  });

  test('asks for the token, which is the password of its address', async () => {
    const { url, secrets } = await build(tree);
    const address = new URL(url);
    expect(address.password).toBe(secrets[0] ?? '?');
    address.username = '';
    address.password = '';
    const response = await fetch(`${address.href}/info/refs?service=git-upload-pack`);
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="pwagent"']);
  });

  test('cannot be written to', async () => {
    const { url } = await build(tree);
    expect((await fetch(`${url}/info/refs?service=git-receive-pack`)).status).toBe(403);
    expect((await fetch(`${url}/git-receive-pack`, { method: 'POST' })).status).toBe(403);
    expect((await fetch(`${url}/HEAD`)).status).toBe(404);
    expect((await fetch(`${url}/../../key`)).status).toBe(404);
  });

  test('is served as the archive that came in', async () => {
    const { environment } = await build(tree);
    const response = await fetch(environment.PWAGENT_SOURCE_ARCHIVE_URL ?? '');
    expect(response.headers.get('content-type')).toBe('application/x-tar');
    expect(Buffer.from(await response.arrayBuffer()).equals(tree)).toBe(true);
  });

  test('addresses expire, are bound by their token, and keep out of logs', async () => {
    const { environment, url, secrets } = await build(tree);
    const archive = environment.PWAGENT_SOURCE_ARCHIVE_URL ?? '';
    expect(url).toContain(secrets[0] ?? '?');
    expect(archive).toContain(secrets[0] ?? '?');
    const forged = await fetch(archive.replace(/.\.tar$/, (end) => (end[0] === 'A' ? 'B.tar' : 'A.tar')));
    expect([forged.status, await forged.text()]).toEqual([403, 'this address is not valid\n']);
    await clock.advance(HOUR_MS);
    for (const address of [archive, `${url}/info/refs?service=git-upload-pack`]) {
      const response = await fetch(address);
      expect([response.status, await response.text()]).toEqual([
        403,
        'this address has expired; run the build again\n',
      ]);
    }
    expect(JSON.stringify(lines)).not.toContain(secrets[0] ?? '?');
    expect(redactSourcePath(new URL(url).pathname)).toBe('/git/repo.git');
    expect(redactSourcePath(new URL(archive).pathname)).toBe('/archive/***');
  });

  test('the same tree is stored once, and its key is for the owner alone', async () => {
    const first = await build(tree);
    const second = await build(tree);
    expect(second.treeId).toBe(first.treeId);
    expect(readdirSync(join(folder.path, 'trees')).filter((name) => name.startsWith(first.treeId))).toHaveLength(1);
    expect(statSync(join(folder.path, 'key')).mode & 0o777).toBe(0o600);
  });
});

test('without git the tree is an archive only', async () => {
  using other = tempFolder();
  const options = { folder: other.path, publicUrl: () => 'http://hub', clock, log, env: { PATH: other.path } };
  const bare = await createSourceStore(options, NEVER);
  expect(bare.hasGit).toBe(false);
  const { treeId } = await bare.putTree(inPieces(tree, 500), NEVER);
  const revision = await bare.commit(treeId, 'main', 'm', NEVER);
  expect(revision).toBe(treeId);
  const { environment } = bare.environmentFor({ id: '1', branch: 'main', revision, treeId }, HOUR_MS);
  expect(environment.CIRRUS_REPO_CLONE_URL).toBeUndefined();
  expect(environment.PWAGENT_SOURCE_ARCHIVE_URL).toStartWith('http://hub/archive/');
});

describe('an upload that is refused leaves nothing', () => {
  test.each([
    ['unsafe', tarOf({ path: '../x' }), 2_000, 'not a plain relative path'],
    ['cut off', tree.subarray(0, 900), 2_000, 'end'],
    ['too large', tarOf({ path: 'a', text: 'x'.repeat(5_000) }), 2_000, 'larger than 2.0 KiB'],
  ])('%s', async (_title, bytes, maxTreeBytes, message) => {
    using other = tempFolder();
    const env = processEnvironment();
    const options = { folder: other.path, publicUrl: () => '', clock, log, env, maxTreeBytes };
    const bounded = await createSourceStore(options, NEVER);
    const failure = await bounded.putTree(inPieces(bytes, 400), NEVER).catch((error: unknown) => String(error));
    expect(failure).toContain(message);
    expect(readdirSync(join(other.path, 'trees'))).toEqual([]);
    expect(existsSync(join(other.path, 'key'))).toBe(true);
  });

  test('the client leaves', async () => {
    using other = tempFolder();
    const options = { folder: other.path, publicUrl: () => '', clock, log, env: processEnvironment() };
    const bounded = await createSourceStore(options, NEVER);
    const leaving = new AbortController();
    const body = (async function* () {
      yield tree.subarray(0, 600);
      leaving.abort(new Error('gone'));
      yield tree.subarray(600);
    })();
    expect(await bounded.putTree(body, leaving.signal).catch(String)).toBe('Error: gone');
    expect(readdirSync(join(other.path, 'trees'))).toEqual([]);
  });
});
