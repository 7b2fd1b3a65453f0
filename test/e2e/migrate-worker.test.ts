import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../support/wait-for.ts';
import { BINARY, Cluster, type Started } from './cluster.ts';

let cluster: Cluster;
beforeEach(() => {
  cluster = new Cluster();
});
afterEach(() => cluster.close());

const TREE = 'persistent_worker: {labels: {rack: 7}}\nt_task: {x_script: echo ran here}\n';

/** From here on the executable is called by the name of the old worker, through a link. */
function callItCirrus(): void {
  const link = join(cluster.root, 'cirrus');
  symlinkSync(BINARY, link);
  cluster.binary = link;
}

const token = () => readFileSync(join(cluster.data, 'registration-token'), 'utf8').trim();
const endpoint = () => `http://127.0.0.1:${cluster.grpcPort}`;

/** As it stood on a machine before: with the address of the hub in place of that of the hosted service. */
function oldFile(): string {
  const text = `token: ${token()}\nname: "Mac-1"\nlabels:\n  rack: 7\nresources:\n  slots: 2\nlog:\n  file: ${cluster.root}/logs/worker.log\n  rotate-size: 100 MB\n  max-rotations: 10\nrpc:\n  endpoint: ${endpoint()}\n`;
  return cluster.file('worker.yml', text, 0o600);
}

async function submitted(): Promise<number | null> {
  const { code, stdout } = await cluster.submit(cluster.workTree(TREE));
  expect(stdout).toContain('ran here');
  return code;
}

async function ended(worker: Started): Promise<number | null> {
  process.kill(worker.pid, 'SIGTERM');
  return (await worker.exited).code;
}

test('docs/migrate-worker.md: the same commands, name, token and files, and back', async () => {
  const pwagent = cluster.binary;
  await cluster.startHub();
  const file = oldFile();
  const before = readFileSync(file, 'utf8');
  callItCirrus();
  const args = ['--debug', 'worker', 'run', '--file', file, '--labels', 'zone=eu,floor=3', '--resources=slots=2'];
  const worker = cluster.start(args);
  cluster.binary = pwagent;
  expect(await submitted()).toBe(0);
  expect(await ended(worker)).toBe(0);
  const lines = readFileSync(`${cluster.root}/logs/worker.log`, 'utf8').trim().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toContain('task ended');
  // what another worker would find is what was there before
  expect(readFileSync(file, 'utf8')).toBe(before);
  expect(readdirSync(cluster.temporary).filter((name) => name.startsWith('cirrus-build'))).toEqual([]);
});

test('worker pause and resume under the old name, and their exit codes', async () => {
  const pwagent = cluster.binary;
  await cluster.startHub();
  const file = oldFile();
  callItCirrus();
  expect(await cluster.run(['worker', 'pause', '-f', file])).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('does not know a worker Mac-1'),
  });
  const worker = cluster.start(['worker', 'run', '-f', file]);
  const log = `${cluster.root}/logs/worker.log`;
  await waitFor('it is registered', () => existsSync(log) && readFileSync(log, 'utf8').includes('registered'));
  const flag = cluster.file('hold', '');
  cluster.binary = pwagent;
  const tree = cluster.workTree(
    `persistent_worker: {}\nt_task: {x_script: "echo ran here; while [ -e ${flag} ]; do sleep 0.05; done"}\n`,
  );
  const build = cluster.start([...cluster.submitArgs(tree)]);
  await waitFor('the task runs', () => build.stdout().includes('ran here'));
  cluster.binary = join(cluster.root, 'cirrus');
  expect(await cluster.run(['worker', 'pause', '-f', file, '--wait', '--timeout', '300ms'])).toMatchObject({ code: 4 });
  const waiting = cluster.start(['worker', 'pause', '--wait=true', '-f', file]);
  await waitFor('it waits', () => waiting.stderr().includes('waiting for'));
  const interrupted = cluster.start(['worker', 'pause', '--wait', '-f', file]);
  await waitFor('it waits too', () => interrupted.stderr().includes('waiting for'));
  expect(await ended(interrupted)).toBe(75);
  renameSync(flag, `${flag}.gone`);
  expect(await waiting.exited).toMatchObject({ code: 0 });
  expect(waiting.stdout()).toBe('worker Mac-1 is paused, and none of its tasks runs\n');
  expect((await build.exited).code).toBe(0);
  expect(await cluster.run(['worker', 'resume', '-f', file])).toMatchObject({
    code: 0,
    stdout: 'worker Mac-1 takes tasks again\n',
  });
  cluster.binary = pwagent;
  expect(await submitted()).toBe(0);
  expect(await ended(worker)).toBe(0);
});

describe('the name cirrus', () => {
  test.each([
    [['run'], 64, /`pwagent submit` runs a work tree on a hub/],
    [['validate'], 64, /call it as pwagent for its other commands/],
    [['worker', 'rnu'], 64, /did you mean "pwagent worker run"\?/],
    [['worker', 'run', 'more', '--token', 'x'], 64, /too many arguments/],
    [
      ['worker', 'run', '--token', 'x', '--rpc-endpoint', 'grpc.cirrus-ci.com:443'],
      78,
      /closed on 1 June 2026.*pwagent hub/,
    ],
    [['agent', '-nonsense'], 64, /nonsense/],
  ])('%j', async (args, code, sentence) => {
    callItCirrus();
    const result = await cluster.run(args);
    expect([result.code, result.stderr]).toEqual([code, expect.stringMatching(sentence)]);
  });

  test('the agent takes its old flags', async () => {
    callItCirrus();
    const result = await cluster.run(['agent', '-help']);
    expect([result.code, result.stdout]).toEqual([0, expect.stringContaining('-api-endpoint')]);
  });
});

describe('where the token comes from', () => {
  test('standard input, the environment, and the command line with a warning', async () => {
    await cluster.startHub();
    const labels = ['--labels', 'rack=7', '--rpc-endpoint', endpoint()];
    const script = `"${BINARY}" worker run --token-file - --name w1 ${labels.join(' ')} < "${cluster.data}/registration-token"`;
    cluster.binary = '/bin/sh';
    const piped = cluster.start(['-c', `exec ${script}`]);
    cluster.binary = BINARY;
    expect(await submitted()).toBe(0);
    expect(await ended(piped)).toBe(0);

    const env = { PWAGENT_TOKEN: token(), PWAGENT_NAME: 'w2', PWAGENT_RPC_ENDPOINT: endpoint() };
    const byVariables = cluster.start(['worker', 'run', '--labels', 'rack=7'], env);
    expect(await submitted()).toBe(0);
    expect(await ended(byVariables)).toBe(0);
    expect(byVariables.stderr()).not.toContain('other users');

    const byFlag = cluster.start(['worker', 'run', '--token', token(), '--name', 'w3', ...labels]);
    await waitFor('it warns', () => byFlag.stderr().includes('--token shows the token to every user'));
    expect(byFlag.stderr()).not.toContain(token());
    expect(await ended(byFlag)).toBe(0);
  });
});

test('the log: JSON off the terminal; SIGHUP opens the file anew and is no stop', async () => {
  const log = join(cluster.root, 'w.log');
  const file = cluster.file('w.yml', `token: t\nrpc: {endpoint: "http://127.0.0.1:1"}\nlog: {file: ${log}}\n`, 0o600);
  const worker = cluster.start(['worker', 'run', '-f', file]);
  await waitFor('it logs', () => existsSync(log) && readFileSync(log, 'utf8').includes('worker starts'));
  renameSync(log, `${log}.1`);
  process.kill(worker.pid, 'SIGHUP');
  await waitFor('it logs into a new file', () => existsSync(log) && readFileSync(log, 'utf8').includes('opened anew'));
  expect(await ended(worker)).toBe(0);
  for (const line of readFileSync(log, 'utf8').trim().split('\n'))
    expect(JSON.parse(line)).toMatchObject({ level: expect.any(Number) });
  const plain = cluster.start(['worker', 'run', '--token', 't', '--rpc-endpoint', 'http://127.0.0.1:1']);
  await waitFor('it logs', () => plain.stderr().includes('worker starts'));
  expect(await ended(plain)).toBe(0);
  for (const line of plain.stderr().trim().split('\n'))
    expect(JSON.parse(line)).toMatchObject({ msg: expect.any(String) });
});
