import { afterEach, beforeEach, expect, test } from 'bun:test';
import { join } from 'node:path';
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
