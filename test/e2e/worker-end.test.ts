import { afterEach, beforeEach, expect, test } from 'bun:test';
import { join } from 'node:path';
import { FakeWorkerServer } from '../support/fake-worker-server.ts';
import { TaskPool } from '../support/task-pool.ts';
import { waitFor } from '../support/wait-for.ts';
import { Cluster, type Started } from './cluster.ts';

/** How `pwagent worker run` ends, with a real agent and a scripted control plane. */

let cluster: Cluster;
let pool: TaskPool;
beforeEach(async () => {
  cluster = new Cluster();
  pool = await new TaskPool(1).start();
});
afterEach(async () => {
  await cluster.close();
  await pool[Symbol.asyncDispose]();
});

function start(...more: string[]): Started {
  const token = cluster.file('token', 'token\n', 0o600);
  const flags = ['--name', 'w1', '--rpc-endpoint', pool.endpoint, '--resources', 'slots=1', '--token-file', token];
  return cluster.start(['worker', 'run', ...flags, ...more]);
}

const running = () => waitFor('the script runs', () => cluster.read('runs') !== '');
const events = () => pool.tasks.get('1')?.events;
const script = (seconds: number) => `echo yes > ${join(cluster.root, 'runs')}; sleep ${seconds}`;

test('SIGTERM: the task that runs finishes, then 0', async () => {
  pool.add(script(1));
  const worker = start();
  await running();
  process.kill(worker.pid, 'SIGTERM');
  expect((await worker.exited).code).toBe(0);
  expect(events()).toEqual(['started', 'finished 6', 'stopped']);
  expect(pool.left.open).toBe(0);
});

test('a second SIGTERM: the task is cancelled and reported, then 75, with nothing left', async () => {
  pool.add(script(600));
  const worker = start();
  await running();
  process.kill(worker.pid, 'SIGTERM');
  await waitFor('it says what it waits for', () => worker.stderr().includes('no more tasks are taken'));
  process.kill(worker.pid, 'SIGTERM');
  expect((await worker.exited).code).toBe(75);
  expect(events()).toContain('stopped');
  expect(events()).not.toContain('failed');
  expect([...new Bun.Glob('*').scanSync({ cwd: cluster.temporary, onlyFiles: false })]).toEqual([]);
}, 30_000);

test('--drain-timeout: what has not finished by then is cancelled, then 75', async () => {
  pool.add(script(600));
  const worker = start('--drain-timeout', '300ms');
  await running();
  process.kill(worker.pid, 'SIGTERM');
  expect((await worker.exited).code).toBe(75);
  expect(events()).toContain('stopped');
}, 30_000);

test('--ephemeral: one task, then 0; a second one stays where it is', async () => {
  pool.add(script(0), script(0));
  const worker = start('--ephemeral');
  expect((await worker.exited).code).toBe(0);
  expect(events()).toEqual(['started', 'finished 6', 'stopped']);
  expect(pool.left).toEqual({ open: 0, waiting: 1 });
});

test('an idle worker ends at once', async () => {
  const worker = start();
  await waitFor('it polls', () => pool.polls > 0);
  process.kill(worker.pid, 'SIGINT');
  expect((await worker.exited).code).toBe(0);
});

test('--exit-on-refusal: 69 when the hub does not know the token, and without the flag it stays', async () => {
  const server = await new FakeWorkerServer().start();
  server.tokens = ['another'];
  try {
    const token = cluster.file('token', 'token\n', 0o600);
    const flags = ['worker', 'run', '--name', 'w1', '--rpc-endpoint', server.endpoint, '--token-file', token];
    const worker = cluster.start([...flags, '--exit-on-refusal']);
    expect((await worker.exited).code).toBe(69);
    expect(worker.stderr()).toContain('server refuses this worker');
    const patient = cluster.start(flags);
    await waitFor('it is refused again', () => server.registrations.length > 2);
    process.kill(patient.pid, 'SIGTERM');
    expect((await patient.exited).code).toBe(0);
  } finally {
    await server[Symbol.asyncDispose]();
  }
});

test('out of descriptors: tasks that cannot be run say so, and those that can are run', async () => {
  const { binary } = cluster;
  cluster.binary = cluster.file('limited', `#!/bin/sh\nulimit -n 30\nexec ${binary} "$@"\n`, 0o755);
  await pool[Symbol.asyncDispose]();
  pool = await new TaskPool(8).start();
  for (let index = 0; index < 10; index += 1) pool.add(`sleep 0.${index}`);
  const worker = start('--resources', 'slots=8');
  await waitFor('every task is over', () =>
    [...pool.tasks.values()].every(({ events: own }) => /stopped|failed/.test(`${own}`)),
  );
  const all = [...pool.tasks.values()].map(({ events: own }) => own.join());
  expect(all.filter((own) => own === 'started,finished 6,stopped').length).toBeGreaterThan(0);
  expect(all.filter((own) => own.includes('failed')).length).toBeGreaterThan(0);
  expect(worker.stderr()).toMatch(/too many (?:open files|files open)/);
  process.kill(worker.pid, 'SIGTERM');
  expect((await worker.exited).code).toBe(0);
});
