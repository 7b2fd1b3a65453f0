import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../support/wait-for.ts';
import { BINARY, Cluster, type Result, type Started } from './cluster.ts';

const cluster = new Cluster();
const repository = join(cluster.root, 'repo');
const url = `file://${repository}`;
const opened: { hub?: Started; sha?: string } = {};

const CONFIGURATION = [
  'persistent_worker: {}',
  'env: {TOKEN: "ENCRYPTED[0a1b]"}',
  'say_task:',
  '  say_script: |',
  '    echo "branch $CIRRUS_BRANCH cron [$CIRRUS_CRON] length $(printf %s "$TOKEN" | wc -c)"',
  '    echo "the token is $TOKEN"',
  '    cat file.txt',
  '',
].join('\n');

function git(...args: string[]): string {
  const env = { PATH: process.env.PATH ?? '', HOME: cluster.root, GIT_CONFIG_NOSYSTEM: '1' };
  const identity = ['-c', 'user.name=n', '-c', 'user.email=e@x'];
  return execFileSync('git', [...identity, ...args], { cwd: repository, env, encoding: 'utf8' }).trim();
}

function environment(): Record<string, string> {
  return { PWAGENT_HUB: cluster.hubUrl, PWAGENT_HUB_TOKEN_FILE: join(cluster.data, 'admin-token') };
}

/** Runs the executable against the hub, as its administrator. */
const pwagent = (...words: string[]): Promise<Result> => cluster.run(words, environment());

async function json(...words: string[]): Promise<Record<string, unknown>> {
  const { stdout, stderr, code } = await pwagent(...words, '--json');
  expect([words, code, stderr]).toEqual([words, 0, '']);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** Runs it with something on its standard input. */
function withInput(input: string, ...words: string[]): Promise<number | null> {
  const env = { PATH: process.env.PATH ?? '', HOME: cluster.root, ...environment() };
  const child = spawn(BINARY, words, { env, stdio: ['pipe', 'ignore', 'ignore'] });
  child.stdin?.end(input);
  return new Promise((done) => child.once('close', done));
}

beforeAll(async () => {
  mkdirSync(repository);
  git('init', '-q', '-b', 'main');
  writeFileSync(join(repository, '.cirrus.yml'), CONFIGURATION);
  writeFileSync(join(repository, 'file.txt'), 'from the repository\n');
  git('add', '.');
  git('commit', '-q', '-m', 'first');
  opened.sha = git('rev-parse', 'HEAD');
  opened.hub = await cluster.startHub();
  cluster.startWorker();
});

afterAll(() => cluster.close());

test('the first start shows the admin token, and the next one does not', async () => {
  const other = new Cluster();
  try {
    const first = await other.startHub();
    const token = readFileSync(join(other.data, 'admin-token'), 'utf8').trim();
    expect(first.stdout()).toContain(`shown this once: ${token}\n`);
    expect(first.stderr()).not.toContain(token);
    process.kill(first.pid, 'SIGTERM');
    await first.exited;
    const second = await other.startHub();
    await waitFor('its welcome', async () => second.stdout().includes('The hub is up.'));
    expect(second.stdout()).not.toContain(token);
  } finally {
    await other.close();
  }
});

test.each([
  ['0.0.0.0:0', '127.0.0.1:0'],
  ['127.0.0.1:0', '[::]:0'],
])('listening on %s and %s without TLS is refused with exit 78', async (listen, grpc) => {
  const folder = join(cluster.root, 'refused');
  const { code, stderr } = await cluster.run(['hub', '--data', folder, '--listen', listen, '--grpc', grpc]);
  expect([code, stderr]).toEqual([78, expect.stringContaining('--allow-clear-text')]);
  expect(existsSync(folder)).toBe(false);
});

describe('builds of a repository', () => {
  test('an unmapped secret stops the build before it starts, with file, line and column', async () => {
    const { code, stderr } = await pwagent('submit', '--repo', url, '--rev', opened.sha ?? '');
    expect([code, stderr]).toEqual([78, expect.stringContaining('.cirrus.yml:2:14: error:')]);
    expect((await json('builds')).builds).toEqual([]);
  });

  test('mapped, the task gets its value, which no log and no list shows; the tree is cloned from the repository', async () => {
    expect(await withInput('s3cr3t-value\n', 'secrets', 'map', 'ENCRYPTED[0a1b]')).toBe(0);
    const { code, stdout } = await pwagent('submit', '--repo', url, '--rev', opened.sha ?? '');
    expect([code, stdout]).toEqual([0, expect.stringContaining('branch main cron [] length 12\n')]);
    expect(stdout).toContain('from the repository\n');
    expect(stdout).toContain('the token is HIDDEN-BY-CIRRUS-CI');
    const listed = await pwagent('secrets', '--json');
    expect(listed.stdout + stdout).not.toContain('s3cr3t-value');
    expect(statSync(join(cluster.data, 'secrets-key')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(cluster.data, 'hub.db')).toString('latin1')).not.toContain('s3cr3t-value');
  });

  test('submit and read may not see secrets, tokens or the audit log', async () => {
    for (const role of ['submit', 'read']) {
      const created = await json('tokens', 'create', '--role', role);
      const env = { ...environment(), PWAGENT_HUB_TOKEN_FILE: '', PWAGENT_HUB_TOKEN: String(created.token) };
      for (const what of ['secrets', 'tokens', 'audit']) expect((await cluster.run([what], env)).code).toBe(77);
      expect((await cluster.run(['builds'], env)).code).toBe(0);
    }
  });

  test('the logs again, of the build and of the task', async () => {
    const [build] = (await json('builds')).builds as { id: string; tasks: { id: string }[] }[];
    const ofTask = await pwagent('logs', build?.tasks[0]?.id ?? '', 'say');
    expect(ofTask.stdout).toContain('from the repository\n');
    const followed = await pwagent('logs', '-f', build?.id ?? '');
    expect([followed.code, followed.stdout]).toEqual([0, expect.stringContaining('from the repository\n')]);
  });
});

describe('a task that nobody can take', () => {
  test('explains itself, and is cancelled and run again', async () => {
    const tree = cluster.workTree('task:\n  persistent_worker: {labels: {os: plan9}}\n  a_script: true\n', {}, 'far');
    const submitted = await pwagent('submit', '--dir', tree, '--no-follow', '--json');
    const task = (JSON.parse(submitted.stdout) as { tasks: { id: string }[] }).tasks[0]?.id ?? '';
    const why = await pwagent('tasks', 'why', task);
    expect([why.code, why.stdout]).toEqual([0, expect.stringContaining('os=plan9')]);
    expect(await json('tasks', 'why', task)).toMatchObject({ taskId: task, kind: 'nobody' });
    expect(await json('cancel', task)).toMatchObject({ status: 'ABORTED' });
    const rerun = await json('rerun', task);
    expect(rerun).toMatchObject({ previousRun: task, runCause: 'requested' });
    expect((await pwagent('cancel', String(rerun.id))).code).toBe(0);
    const decisions = (await json('tasks', 'decisions', task)).decisions as unknown[];
    expect(decisions.length).toBeGreaterThan(0);
  });
});

describe('pools, workers, tokens', () => {
  test('a paused worker shows as paused, and takes tasks again afterwards', async () => {
    expect((await pwagent('workers', 'pause', 'w1')).code).toBe(0);
    expect((await json('workers')).workers).toMatchObject([{ name: 'w1', paused: true }]);
    expect((await pwagent('workers', 'resume', 'w1')).code).toBe(0);
    expect((await json('workers')).workers).toMatchObject([{ paused: false }]);
  });

  test('an existing token is taken over from standard input; a revoked one ends', async () => {
    expect(await withInput('token-of-the-old-service\n', 'tokens', 'import', '--pool', 'default')).toBe(0);
    const [token] = (await json('tokens', '--kind', 'registration')).tokens as { id: string; state: string }[];
    expect(token?.state).toBe('valid');
    expect((await json('tokens', 'revoke', token?.id ?? '')).state).toBe('revoked');
  });

  test('what was done is in the audit log, with who did it', async () => {
    const entries = (await json('audit')).entries as { action: string; actor: string; role: string }[];
    const actions = new Set(entries.map(({ action }) => action));
    for (const action of ['createBuild', 'mapSecret', 'createToken', 'revokeToken', 'pauseWorker', 'cancelTask']) {
      expect([...actions]).toContain(action);
    }
    expect(entries.every(({ actor, role }) => actor.startsWith('token ') && role === 'admin')).toBe(true);
  });
});

test('a cron is kept over a restart of the hub; SIGTERM ends the hub in good order while a log is being followed', async () => {
  const made = ['crons', 'create', 'nightly', '--repo', url, '--branch', 'main', '--cron', '0 2 29 2 *'];
  expect((await pwagent(...made)).code).toBe(0);
  const tree = cluster.workTree('persistent_worker: {}\nlong_task:\n  l_script: echo begun; sleep 600\n', {}, 'long');
  const following = cluster.start(['submit', '--dir', tree], environment());
  await waitFor('its first line', async () => following.stdout().includes('\nbegun'));
  process.kill(opened.hub?.pid ?? 0, 'SIGTERM');
  expect(await opened.hub?.exited).toEqual({ code: 0, signal: null });
  expect(opened.hub?.stderr()).toContain('stopped');
  opened.hub = await cluster.startHub();
  expect((await json('crons')).crons).toMatchObject([{ name: 'nightly', expression: '0 2 29 2 *', lastAt: null }]);
  const [running] = (await json('builds')).builds as { id: string }[];
  await waitFor('the follower is back', async () => following.stderr() === '' && following.child.exitCode === null);
  expect((await pwagent('cancel', running?.id ?? '')).code).toBe(0);
  expect((await following.exited).code).toBe(1); // it has seen the end
});
