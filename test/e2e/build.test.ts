import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findByEnvironment } from '../../src/platform/process-table.ts';
import { randomToken } from '../../src/platform/random.ts';
import { waitFor } from '../support/wait-for.ts';
import { Cluster, type Result } from './cluster.ts';

interface Report {
  status: string;
  tasks: {
    name: string;
    status: string;
    reason: string | null;
    worker: string | null;
    instructions: { name: string; status: string; exitCode: number | null }[];
  }[];
}

function reportOf(result: Result): Report {
  return JSON.parse(result.stdout) as Report;
}

let cluster: Cluster;
beforeEach(() => {
  cluster = new Cluster();
});
afterEach(() => cluster.close());

describe('a build through hub, worker and submit', () => {
  test('passes: the work tree is there, files and dependencies work, logs are followed, exit 0', async () => {
    await cluster.startHub();
    cluster.startWorker();
    const tree = cluster.workTree(
      `persistent_worker: {}
first_task:
  env: {WHO: world}
  note_file: {path: note.txt, from_contents: "for $WHO"}
  hello_script:
    - cat hello.txt note.txt
    - ./tool.sh
second_task:
  depends_on: first
  after_script: echo after-$CIRRUS_TASK_NAME-on-$CIRRUS_BRANCH
`,
      { 'hello.txt': 'hello from the tree\n' },
    );
    cluster.file('tree/tool.sh', '#!/bin/sh\necho the tool ran\n', 0o755);
    const result = await cluster.submit(tree);
    expect(result.stderr).not.toContain('    at ');
    expect(result.stdout).toContain('hello from the tree');
    expect(result.stdout).toContain('for world');
    expect(result.stdout).toContain('the tool ran');
    expect(result.stdout).toContain('after-second-on-');
    expect(result.code).toBe(0);
  });

  test('fails: exit 1, and the JSON names the instruction with its exit code', async () => {
    await cluster.startHub();
    cluster.startWorker();
    const tree = cluster.workTree(`persistent_worker: {}
broken_task:
  ok_script: echo fine
  bad_script: exit 3
  skipped_script: echo never
  on_failure: {dump_script: echo dumped}
  always: {clean_script: echo cleaned}
dependent_task: {depends_on: broken, x_script: echo never}
`);
    const result = await cluster.submit(tree, ['--json']);
    expect(result.code).toBe(1);
    const report = reportOf(result);
    expect(report.status).toBe('FAILED');
    const [broken, dependent] = report.tasks;
    expect(broken?.status).toBe('FAILED');
    expect(broken?.worker).toBe('w1');
    expect(broken?.instructions.map(({ name, status, exitCode }) => [name, status, exitCode])).toEqual([
      ['clone', 'COMPLETED', null],
      ['ok', 'COMPLETED', 0],
      ['bad', 'FAILED', 3],
      ['skipped', 'SKIPPED', null],
      ['dump', 'COMPLETED', 0],
      ['clean', 'COMPLETED', 0],
    ]);
    expect(dependent?.status).toBe('ABORTED');
    expect(dependent?.reason).toContain('broken');
  });

  test('a task that times out leaves no process behind, not even a grandchild in a session of its own', async () => {
    await cluster.startHub();
    cluster.startWorker();
    const mark = randomToken(8);
    const tree = cluster.workTree(`persistent_worker: {}
slow_task:
  timeout_in: 2s
  env: {E2E_MARK: "${mark}"}
  hang_script:
    - (sleep 600 &) ; setsid sleep 600 & sleep 600
  on_timeout: {tell_script: echo told-about-the-timeout}
`);
    const result = await cluster.submit(tree, ['--json']);
    expect(result.code).toBe(1);
    const [slow] = reportOf(result).tasks;
    expect(slow?.status).toBe('FAILED');
    expect(slow?.instructions.find(({ name }) => name === 'hang')).toMatchObject({ status: 'FAILED', exitCode: null });
    expect(slow?.instructions.find(({ name }) => name === 'tell')?.status).toBe('COMPLETED');
    await waitFor('everything of the task is gone', () => findByEnvironment('E2E_MARK', mark).length === 0);
    await waitFor(
      'its folder is gone',
      () => readdirSync(cluster.temporary).filter((name) => name.startsWith('cirrus-build')).length === 0,
    );
  });

  test('a worker that is killed takes what it ran with it, and the task runs again on another', async () => {
    await cluster.startHub();
    const worker = cluster.startWorker();
    const mark = randomToken(8);
    const again = join(cluster.root, 'again');
    const tree = cluster.workTree(`persistent_worker: {}
long_task:
  env: {E2E_MARK: "${mark}"}
  hang_script: if [ -e ${again} ]; then exit 0; fi; touch ${again}; setsid sleep 600 & echo begun; sleep 600
`);
    const submit = cluster.start([...cluster.submitArgs(tree)]);
    await waitFor('the task runs', () => submit.stdout().includes('begun'));
    expect(findByEnvironment('E2E_MARK', mark).length).toBeGreaterThan(1);
    worker.child.kill('SIGKILL');
    await waitFor('everything of the task is gone', () => findByEnvironment('E2E_MARK', mark).length === 0);
    cluster.startWorker(['--name', 'other']);
    cluster.startWorker(); // the first is back, without its task
    expect((await submit.exited).code).toBe(0);
  });

  test('two tasks run at once within the resources, a third waits for them', async () => {
    await cluster.startHub();
    cluster.startWorker(['--resources', 'slots=2']);
    const meet = join(cluster.root, 'meet');
    const one = (name: string, wait: string) => `${name}_task:
  count_script:
    - mkdir -p ${meet}/running/${name}
    - ls ${meet}/running | wc -l >> ${meet}/counts
    - ${wait}
    - rmdir ${meet}/running/${name}
`;
    // a and b each wait for the other: they end only if they run at the same time
    const partner = (other: string) =>
      `for i in $(seq 600); do [ -e ${meet}/seen-${other} ] && break; sleep 0.05; done; [ -e ${meet}/seen-${other} ]`;
    const tree = cluster.workTree(`persistent_worker: {resources: {slots: 1}}
${one('a', `touch ${meet}/seen-a; ${partner('b')}`)}${one('b', `touch ${meet}/seen-b; ${partner('a')}`)}${one('c', 'true')}`);
    const result = await cluster.submit(tree, ['--json']);
    expect(reportOf(result).tasks.map(({ status }) => status)).toEqual(['COMPLETED', 'COMPLETED', 'COMPLETED']);
    const counts = cluster.read('meet/counts').trim().split('\n').map(Number);
    expect(counts).toHaveLength(3);
    expect(Math.max(...counts)).toBe(2);
  });

  test('a hub that is killed and started again in the middle of a task loses nothing', async () => {
    const hub = await cluster.startHub();
    cluster.startWorker();
    const go = join(cluster.root, 'go');
    const tree = cluster.workTree(`persistent_worker: {}
long_task:
  count_script:
    - for i in $(seq 1 100); do echo "line-$i-"; sleep 0.02; done
    - for i in $(seq 600); do [ -e ${go} ] && break; sleep 0.05; done
    - for i in $(seq 101 200); do echo "line-$i-"; done
`);
    const submit = cluster.start([...cluster.submitArgs(tree)]);
    await waitFor('the log flows', () => submit.stdout().includes('line-30-'));
    hub.child.kill('SIGKILL');
    await hub.exited;
    await Bun.sleep(1_000); // the script prints on meanwhile
    await cluster.startHub();
    cluster.file('go', '');
    expect((await submit.exited).code).toBe(0);
    const builds = (await (await fetch(`${cluster.hubUrl}/api/v1/builds`)).json()) as {
      builds: { tasks: { id: string; status: string }[] }[];
    };
    const task = builds.builds[0]?.tasks[0];
    expect(task?.status).toBe('COMPLETED');
    const log = await (await fetch(`${cluster.hubUrl}/api/v1/tasks/${task?.id}/logs/count`)).text();
    const printed = [...log.matchAll(/^line-(\d+)-/gm)].map(([, number]) => Number(number));
    expect(printed).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
    const followed = [...submit.stdout().matchAll(/^line-(\d+)-$/gm)].map(([, number]) => Number(number));
    expect(followed).toEqual(printed);
  });

  test('a script that is not executable, and a revision that does not exist, are explained in the log', async () => {
    await cluster.startHub();
    cluster.startWorker();
    const tree = cluster.workTree('persistent_worker: {}\nt_task: {run_script: ./tool.sh}\n', {
      'tool.sh': '#!/bin/sh\n',
    });
    const result = await cluster.submit(tree);
    expect(result.code).toBe(1);
    expect(result.stdout).toMatch(/not executable/);
    const missing = cluster.workTree(
      'persistent_worker: {}\nt_task:\n  env: {CIRRUS_CHANGE_IN_REPO: 0123456789012345678901234567890123456789}\n  x_script: echo never\n',
      {},
      'missing',
    );
    const second = await cluster.submit(missing);
    expect(second.code).toBe(1);
    expect(second.stdout).toContain('0123456789012345678901234567890123456789');
    expect(second.stdout).not.toContain('never-ran');
  });
});

test('a proxy in the environment is not asked for addresses of this machine', async () => {
  const proxy = {
    HTTP_PROXY: 'http://127.0.0.1:9',
    HTTPS_PROXY: 'http://127.0.0.1:9',
    http_proxy: 'http://127.0.0.1:9',
  };
  await cluster.startHub();
  cluster.startWorker([], proxy);
  const tree = cluster.workTree('persistent_worker: {}\nt_task: {x_script: cat .cirrus.yml}\n');
  const result = await cluster.run(cluster.submitArgs(tree), proxy);
  expect(result.stdout).toContain('cat .cirrus.yml');
  expect(result.code).toBe(0);
});

test('a data folder may be named relative to where the hub is started', async () => {
  cluster.data = 'relative-hub';
  await cluster.startHub();
  cluster.data = join(cluster.root, 'relative-hub');
  cluster.startWorker();
  const result = await cluster.submit(cluster.workTree('persistent_worker: {}\nt_task: {x_script: echo fine}\n'));
  expect(result.stdout).toContain('fine');
  expect(result.code).toBe(0);
});

test('a worker with a wrong token says why and keeps trying; nothing of the hub is lost', async () => {
  await cluster.startHub();
  const token = cluster.file('wrong', 'not-the-token\n');
  const worker = cluster.start([
    'worker',
    'run',
    '--name',
    'w9',
    '--token-file',
    token,
    '--rpc-endpoint',
    `http://127.0.0.1:${cluster.grpcPort}`,
  ]);
  await waitFor('it was refused twice', () => worker.stderr().split('server refuses this worker').length > 2);
  expect(worker.stderr()).toMatch(/token/);
  expect(worker.child.exitCode).toBeNull();
  process.kill(worker.pid, 'SIGTERM');
  expect((await worker.exited).code).toBe(0);
  expect(existsSync(join(cluster.data, 'admin-token'))).toBe(true);
});
