import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { currentUser } from '../../src/platform/users.ts';
import { testNeeding } from '../support/requirement.ts';
import { Cluster } from './cluster.ts';

const testAsRoot = testNeeding(
  'a supervisor for another user',
  currentUser().uid === 0 ? undefined : 'only root may start programs as others',
);

let cluster: Cluster;
beforeEach(() => {
  cluster = new Cluster();
});
afterEach(() => cluster.close());

/** What a person gets for a mistake: one sentence that matches, this exit code, and never a stack. */
async function expectRefusal(args: readonly string[], code: number, sentence: RegExp): Promise<void> {
  const result = await cluster.run(args);
  expect(result.stderr).toMatch(sentence);
  expect(result.stderr).not.toMatch(/\n\s+at /);
  expect(result.code).toBe(code);
}

const SUPERVISOR = `metadata: {source: none}
worker: {user: USER, config: /nowhere/worker.yml, token-file: /nowhere/token}
shutdown: {command: [/bin/true]}
disk: {min-free: 0}
`;

describe('the command line', () => {
  test.each([
    [['frobnicate'], 64, /unknown command "frobnicate"/],
    [['statis'], 64, /did you mean "pwagent status"\?/],
    [['hub', '--listn', 'x'], 64, /unknown option '--listn'.*hub --help/],
    [['worker', 'run', '--labels', 'novalue'], 64, /"novalue" is not of the form key=value/],
    [['status', '--nope'], 64, /--nope/],
    [['worker', 'pause', '--timeout', '1h', '--token', 't'], 64, /--timeout is about --wait/],
    [['worker', 'pause', '--wait', '--timeout', '90'], 64, /add a unit/],
    [['worker', 'run', '--user', 'ci'], 64, /--user is for macOS alone|only root/],
    [['worker', 'run', 'positional'], 64, /too many arguments/],
    [['agent', '--nope'], 64, /nope/],
    [['submit', '--hubb', 'x'], 64, /unknown option '--hubb'/],
  ] as const)('%j', async (args, code, sentence) => {
    await expectRefusal(args, code, sentence);
  });

  test.each([
    ['run'],
    ['status'],
    ['worker', 'run'],
    ['worker', 'pause'],
    ['worker', 'resume'],
    ['worker', 'config'],
    ['worker'],
    ['agent'],
    ['hub'],
    ['submit'],
    ['validate'],
    ['demo'],
    ['version'],
    [],
  ])('--help of "%s %s" explains the command', async (...words) => {
    const result = await cluster.run([...words, '--help']);
    expect([result.code, result.stderr]).toEqual([0, '']);
    expect(result.stdout).toMatch(/Usage|usage/);
  });
});

describe('configuration files', () => {
  test.each([
    ['lifetme: {max: 1h}', /pwagent\.yml:1:1: unknown key "lifetme"; did you mean "lifetime"\?/],
    ['lifetime:\n  max: 48', /pwagent\.yml:2:3: lifetime\.max: .*duration/],
    ['lifetime:\n  max: 2 fortnights', /pwagent\.yml:2:3: lifetime\.max: .*not a duration/],
    ['disk: {min-free: lots}', /pwagent\.yml:1:8: disk\.min-free: .*size/],
    ['worker: [a]', /pwagent\.yml:1:1: worker: /],
  ])('%j of the supervisor', async (text, sentence) => {
    const config = cluster.file('pwagent.yml', `${text}\n`);
    await expectRefusal(['run', '--config', config], 78, sentence);
  });

  test('a supervisor that could power off by default refuses to start', async () => {
    const config = cluster.file('pwagent.yml', 'metadata: {source: none}\ndisk: {min-free: 0}\n');
    await expectRefusal(['run', '--config', config], 78, /shutdown\.command|--dry-run/);
  });

  testAsRoot('a worker user that does not exist', async () => {
    const config = cluster.file('pwagent.yml', SUPERVISOR.replace('USER', 'no-such-user-here'));
    await expectRefusal(['run', '--config', config], 78, /no-such-user-here/);
  });

  test('a shutdown command that is not executable', async () => {
    const script = cluster.file('down.sh', '#!/bin/sh\n', 0o644);
    const config = cluster.file('pwagent.yml', `metadata: {source: none}\nshutdown: {command: ["${script}"]}\n`);
    await expectRefusal(['run', '--config', config], 78, /down\.sh.*not executable/);
  });

  test('a configuration file that is not there', async () => {
    await expectRefusal(
      ['run', '--config', join(cluster.root, 'none.yml')],
      78,
      /none\.yml: there is no such file; .*--config/,
    );
  });

  test('worker: missing token, unknown key, bad endpoint, log file that cannot be written', async () => {
    await expectRefusal(['worker', 'run'], 78, /no registration token; give --token-file/);
    const config = cluster.file('worker.yml', 'token: t\nlabls: {a: b}\n');
    await expectRefusal(
      ['worker', 'run', '-f', config],
      78,
      /worker\.yml:2:1: unknown key "labls"; did you mean "labels"\?/,
    );
    await expectRefusal(['worker', 'run', '--token', 't', '--rpc-endpoint', 'http://h/x'], 78, /has a path/);
    const log = cluster.file('log.yml', 'token: t\nlog: {file: /proc/none/worker.log}\n');
    await expectRefusal(['worker', 'run', '-f', log], 78, /\/proc\/none\/worker\.log cannot be written/);
    await expectRefusal(
      ['worker', 'run', '--token-file', join(cluster.root, 'none')],
      78,
      /token file .*none does not exist/,
    );
  });

  test('.cirrus.yml: every mistake with its place', async () => {
    const file = cluster.file(
      '.cirrus.yml',
      'a_task:\n  persistent_worker: {}\n  depends_on: nope\n  timeout_in: 1d\n',
    );
    const result = await cluster.run(['validate', file]);
    expect(result.code).toBe(78);
    expect(result.stdout + result.stderr).toMatch(/\.cirrus\.yml:3:3: error: /);
    expect(result.stdout + result.stderr).toMatch(/\.cirrus\.yml:4:3: error: /);
  });
});

describe('services that are not there', () => {
  test('hub: a port that is taken', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const data = join(cluster.root, 'data');
    await expectRefusal(
      ['hub', '--listen', `127.0.0.1:${port}`, '--grpc', '127.0.0.1:0', '--data', data],
      69,
      new RegExp(`127\\.0\\.0\\.1:${port}`),
    );
    await expectRefusal(
      ['hub', '--listen', '127.0.0.1:0', '--grpc', `127.0.0.1:${port}`, '--data', data],
      69,
      new RegExp(`127\\.0\\.0\\.1:${port}`),
    );
    taken.close();
  });

  test('hub: a data folder that cannot be written', async () => {
    await expectRefusal(
      ['hub', '--listen', '127.0.0.1:0', '--grpc', '127.0.0.1:0', '--data', '/proc/none'],
      78,
      /\/proc\/none.*--data/,
    );
  });

  test('hub: certificate and key that do not fit', async () => {
    const cert = cluster.file('cert.pem', 'nonsense');
    const args = [
      'hub',
      '--listen',
      '127.0.0.1:0',
      '--grpc',
      '127.0.0.1:0',
      '--data',
      join(cluster.root, 'd'),
      '--tls-cert',
      cert,
      '--tls-key',
      cert,
    ];
    await expectRefusal(args, 78, /certificate/);
  });

  test('submit: no hub, no token file, wrong token', async () => {
    const tree = cluster.workTree('persistent_worker: {}\nt_task: {x_script: echo}\n');
    const token = cluster.file('token', 'wrong\n');
    await expectRefusal(
      ['submit', '--hub', 'http://127.0.0.1:1', '--token-file', token, '--dir', tree],
      69,
      /http:\/\/127\.0\.0\.1:1/,
    );
    await expectRefusal(
      ['submit', '--hub', 'http://127.0.0.1:1', '--token-file', join(cluster.root, 'none'), '--dir', tree],
      78,
      /none does not exist/,
    );
    await cluster.startHub();
    await expectRefusal(['submit', '--hub', cluster.hubUrl, '--token-file', token, '--dir', tree], 77, /token/);
  });

  test('status: nothing runs', async () => {
    await expectRefusal(['status', '--socket', join(cluster.root, 'none.sock')], 4, /none\.sock/);
  });
});
