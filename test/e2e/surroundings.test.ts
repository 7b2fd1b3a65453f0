import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { AUTHORITY_FILE, certificateFiles } from '../support/certificates.ts';
import { waitFor } from '../support/wait-for.ts';
import { Cluster } from './cluster.ts';

const PAIR = certificateFiles('loopback');

let cluster: Cluster;
beforeEach(() => {
  cluster = new Cluster();
});
afterEach(() => cluster.close());

/** A PATH with what a script needs, and no git. */
function pathWithoutGit(): string {
  const folder = join(cluster.root, 'bin');
  mkdirSync(folder);
  for (const program of ['bash', 'sh', 'cat', 'ls', 'env', 'sleep', 'mkdir', 'rm', 'seq', 'grep']) {
    const found = Bun.which(program);
    if (found !== null) symlinkSync(found, join(folder, program));
  }
  return folder;
}

const TREE = 'persistent_worker: {}\nt_task: {x_script: cat hello.txt && ./tool.sh}\n';

function tree(): string {
  const folder = cluster.workTree(TREE, { 'hello.txt': 'hello from the tree\n' });
  cluster.file('tree/tool.sh', '#!/bin/sh\necho the tool ran\n', 0o755);
  return folder;
}

describe('a machine without git', () => {
  test.each([
    ['everywhere', true, true],
    ['on the worker alone', false, true],
  ])('%s: the work tree comes as an archive, and the log says so', async (_where, onHub, onWorker) => {
    const bare = { PATH: pathWithoutGit() };
    await cluster.startHub([], onHub ? bare : {});
    cluster.startWorker([], onWorker ? bare : {});
    const result = await cluster.run(cluster.submitArgs(tree()), bare);
    expect(result.stdout).toMatch(/archive/);
    expect(result.stdout).toContain('hello from the tree');
    expect(result.stdout).toContain('the tool ran');
    expect(result.code).toBe(0);
  });
});

describe('TLS', () => {
  const served = ['--tls-cert', PAIR.certificate, '--tls-key', PAIR.key];
  const trusting = { SSL_CERT_FILE: AUTHORITY_FILE };

  test('hub, worker, agent and submit work over TLS with a certificate authority of their own', async () => {
    await cluster.startHub(served, trusting);
    cluster.startWorker([], trusting);
    const result = await cluster.run(cluster.submitArgs(tree()), trusting);
    expect(result.stdout).toContain('hello from the tree');
    expect(result.code).toBe(0);
  });

  test('a certificate that is not trusted is told in a sentence, by both', async () => {
    await cluster.startHub(served, trusting);
    const worker = cluster.startWorker();
    await waitFor('the worker tells', () =>
      /certificate of the server is not trusted.*SSL_CERT_FILE/.test(worker.stderr()),
    );
    const result = await cluster.submit(tree());
    expect(result.stderr).toMatch(/certificate.*SSL_CERT_FILE/);
    expect(result.code).toBe(69);
  });
});

test('a task asks for labels that the worker has, and waits with a reason for labels that nobody has', async () => {
  await cluster.startHub();
  cluster.startWorker(['--labels', 'rack=7']);
  const config = `fits_task: {persistent_worker: {labels: {rack: 7, os: ${process.platform}}}, x_script: echo it-fits}
waits_task: {persistent_worker: {labels: {rack: 8}}, x_script: echo never}
`;
  const submit = cluster.start(cluster.submitArgs(cluster.workTree(config)));
  await waitFor('the one that fits ran', () => submit.stdout().includes('it-fits'));
  const reason = await waitFor('the other tells why it waits', async () => {
    const { builds } = (await (await fetch(`${cluster.hubUrl}/api/v1/builds`)).json()) as {
      builds: { tasks: { name: string; reason: string | null }[] }[];
    };
    return builds[0]?.tasks.find(({ name }) => name === 'waits')?.reason ?? undefined;
  });
  expect(reason).toContain('rack');
  expect(reason).toContain('8');
});
