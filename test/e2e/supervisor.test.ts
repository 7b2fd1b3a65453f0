import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findProcess } from '../../src/platform/process-table.ts';
import { currentUser } from '../../src/platform/users.ts';
import { waitFor } from '../support/wait-for.ts';
import { Cluster, type Started } from './cluster.ts';

interface Status {
  phase: string;
  armed: boolean;
  deadlines: { rule: string; dueAt: string; inSeconds: number; suspended: boolean }[];
  worker: { pid: number | null; intake: string; running: { id: string }[] };
}

let cluster: Cluster;
beforeEach(() => {
  cluster = new Cluster();
});
afterEach(() => cluster.close());

/** A supervisor for a worker of the cluster's hub; `shutdown.command` writes a line to the file `shutdowns`. */
function startSupervisor(lifetime = '', more: readonly string[] = []): Started {
  const record = cluster.file('record.sh', `#!/bin/sh\necho down >> ${join(cluster.root, 'shutdowns')}\n`, 0o755);
  cluster.file('worker.yml', `name: w1\nrpc: {endpoint: "http://127.0.0.1:${cluster.grpcPort}"}\n`);
  const config = cluster.file(
    'pwagent.yml',
    `name: box
metadata: {source: none}
lifetime: {${lifetime}}
worker:
  user: ${currentUser().name}
  config: ${join(cluster.root, 'worker.yml')}
  token-file: ${join(cluster.data, 'registration-token')}
  grace: 3s
  directory: ${cluster.root}
  path: "${process.env.PATH}"
  environment: {HOME: "${cluster.root}", TMPDIR: "${cluster.temporary}"}
shutdown: {command: ["${record}"], step-timeout: 5s}
disk: {min-free: 0}
state-dir: ${join(cluster.root, 'state')}
control: {socket: ${join(cluster.root, 's.sock')}}
hub: {url: "${cluster.hubUrl}", token-file: ${join(cluster.data, 'registration-token')}}
`,
  );
  return cluster.start(['run', '--config', config, ...more]);
}

async function status(): Promise<{ code: number | null; status: Status }> {
  const { code, stdout } = await cluster.run(['status', '--socket', join(cluster.root, 's.sock'), '--json']);
  return { code, status: stdout === '' ? ({ phase: 'none' } as Status) : (JSON.parse(stdout) as Status) };
}

async function serving(): Promise<Status> {
  return waitFor('the supervisor serves', async () => {
    const now = await status();
    return now.code === 0 && now.status;
  });
}

describe('hub, supervisor, worker and submit together', () => {
  test('a build passes under the supervisor, and status tells so', async () => {
    await cluster.startHub();
    startSupervisor();
    const { phase, armed, deadlines } = await serving();
    expect([phase, armed]).toEqual(['serving', false]);
    expect(deadlines.map(({ rule }) => rule)).toContain('lifetime');
    const result = await cluster.submit(
      cluster.workTree('persistent_worker: {}\nt_task: {x_script: echo under-supervision}\n'),
    );
    expect(result.stdout).toContain('under-supervision');
    expect(result.code).toBe(0);
  });

  test('a killed worker makes the supervisor order the shutdown', async () => {
    await cluster.startHub();
    const supervisor = startSupervisor();
    const { worker } = await serving();
    process.kill(worker.pid ?? 0, 'SIGKILL');
    await waitFor('the shutdown is ordered', () => cluster.read('shutdowns').includes('down'));
    const { code, status: now } = await status();
    expect([code, ['stopping', 'halted'].includes(now.phase)]).toEqual([1, true]);
    process.kill(supervisor.pid, 'SIGTERM');
    await supervisor.exited;
  });

  test('the hub knows why a machine ended, also when the machine is gone', async () => {
    await cluster.startHub();
    const supervisor = startSupervisor('max: 3s, idle-check: 1h, jitter: 0');
    await serving();
    const report = async () => {
      const { workers } = (await (await fetch(`${cluster.hubUrl}/api/v1/workers`)).json()) as {
        workers: { supervisor: { phase: string; endReason: string | null } | null }[];
      };
      return workers[0]?.supervisor ?? undefined;
    };
    await waitFor('the hub knows the machine', async () => (await report())?.phase === 'serving');
    const told = await waitFor('the hub knows its end', async () => (await report())?.endReason ?? undefined);
    supervisor.child.kill('SIGKILL');
    await supervisor.exited;
    expect(told).toContain('the lifetime is over');
    expect((await report())?.endReason).toContain('the lifetime is over');
  });

  test('SIGTERM ends worker and supervisor without a shutdown, and the deadlines stay', async () => {
    await cluster.startHub();
    const supervisor = startSupervisor();
    const before = await serving();
    process.kill(supervisor.pid, 'SIGTERM');
    expect((await supervisor.exited).code).toBe(0);
    expect(findProcess(before.worker.pid ?? 0)).toBeUndefined();
    expect(existsSync(join(cluster.root, 'shutdowns'))).toBe(false);
    expect((await status()).code).toBe(4);
    startSupervisor();
    const after = await serving();
    const due = (state: Status) =>
      Object.fromEntries(state.deadlines.map(({ rule, dueAt }) => [rule, Math.round(Date.parse(dueAt) / 2_000)]));
    expect(due(after)).toEqual(due(before));
    expect(after.worker.pid).not.toBe(before.worker.pid);
  });

  test('a killed supervisor leaves no worker, and its successor goes on', async () => {
    await cluster.startHub();
    const supervisor = startSupervisor();
    const { worker } = await serving();
    process.kill(supervisor.pid, 'SIGKILL');
    await waitFor('the worker ends without its supervisor', () => findProcess(worker.pid ?? 0) === undefined);
    startSupervisor();
    expect((await serving()).worker.pid).not.toBe(worker.pid);
  });

  test('at the end of its life the machine is shut down whatever runs', async () => {
    await cluster.startHub();
    startSupervisor('max: 4s, idle-check: 3600s, jitter: 0, hard-cap: 3600s');
    await serving();
    const tree = cluster.workTree('persistent_worker: {}\nt_task: {x_script: sleep 600}\n');
    cluster.start(cluster.submitArgs(tree));
    await waitFor('the shutdown is ordered', () => cluster.read('shutdowns').includes('down'), 20_000);
  });

  test('at the idle check a busy machine drains: it shuts down when the task has ended', async () => {
    await cluster.startHub();
    startSupervisor('max: 1h, idle-check: 3s, jitter: 0, hard-cap: 30m, drain-poll: 1s');
    await serving();
    const tree = cluster.workTree(
      `persistent_worker: {}\nt_task: {x_script: "for i in $(seq 600); do [ -e ${cluster.root}/go ] && break; sleep 0.05; done"}\n`,
    );
    const submit = cluster.start([...cluster.submitArgs(tree), '--json']);
    await waitFor('it drains', async () => (await status()).status.phase === 'draining', 20_000);
    expect((await status()).status.worker.running).toHaveLength(1);
    expect(existsSync(join(cluster.root, 'shutdowns'))).toBe(false);
    cluster.file('go', '');
    expect((await submit.exited).code).toBe(0);
    await waitFor('the shutdown is ordered', () => cluster.read('shutdowns').includes('down'));
  });

  test('A11 a queue full of tasks at the idle check: none is taken after it', async () => {
    await cluster.startHub();
    startSupervisor('max: 1h, idle-check: 3s, jitter: 0, hard-cap: 30m, drain-poll: 1s');
    await serving();
    const wait = `for i in $(seq 600); do [ -e ${cluster.root}/go ] && break; sleep 0.05; done`;
    const tasks = ['a', 'b', 'c', 'd', 'e'].map(
      (name) => `${name}_task: {x_script: "touch ${cluster.root}/ran-${name}; ${wait}"}`,
    );
    const tree = cluster.workTree(`persistent_worker: {}\n${tasks.join('\n')}\n`);
    cluster.start(cluster.submitArgs(tree));
    await waitFor('it drains', async () => (await status()).status.phase === 'draining', 20_000);
    const taken = () => ['a', 'b', 'c', 'd', 'e'].filter((name) => existsSync(join(cluster.root, `ran-${name}`)));
    expect(taken()).toHaveLength(1);
    cluster.file('go', '');
    await waitFor('the shutdown is ordered', () => cluster.read('shutdowns').includes('down'));
    expect(taken()).toHaveLength(1);
    const { builds } = (await (await fetch(`${cluster.hubUrl}/api/v1/builds`)).json()) as {
      builds: { tasks: { startedAt: string | null }[] }[];
    };
    expect(builds[0]?.tasks.filter(({ startedAt }) => startedAt !== null)).toHaveLength(1);
  });

  test('--dry-run says what it would do and runs no shutdown command', async () => {
    await cluster.startHub();
    const supervisor = startSupervisor('max: 3s, idle-check: 1h, jitter: 0', ['--dry-run']);
    await waitFor(
      'the ladder is logged',
      () => /dry.run/i.test(supervisor.stderr()) && /halted|stopping/.test(supervisor.stderr()),
      15_000,
    );
    expect(existsSync(join(cluster.root, 'shutdowns'))).toBe(false);
  });
});
