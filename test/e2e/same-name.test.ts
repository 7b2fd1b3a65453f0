import { expect, test } from 'bun:test';
import { waitFor } from '../support/wait-for.ts';
import { Cluster } from './cluster.ts';

test('W45: a second worker of one name on one machine is refused, tells why, and takes nothing from the first', async () => {
  const cluster = new Cluster();
  try {
    await cluster.startHub();
    const flags = ['--name', 'w1', '--rpc-endpoint', `http://127.0.0.1:${cluster.grpcPort}`];
    const run = ['worker', 'run', ...flags, '--token-file', `${cluster.data}/registration-token`];
    const first = cluster.start(run);
    await waitFor('the first is registered', () => first.stderr().includes('registered'));
    const second = cluster.start([...run, '--exit-on-refusal']);
    expect((await second.exited).code).toBe(69);
    expect(second.stderr()).toContain('another worker on this machine has this name');
    expect(second.stderr()).toContain('the name \\"w1\\" is taken by the worker on ');
    expect(first.stderr()).not.toContain('registering again');
    process.kill(first.pid, 'SIGKILL');
    await first.exited;
    const again = cluster.start(run);
    await waitFor('it has its name back at once', () => again.stderr().includes('"registered"'));
  } finally {
    await cluster.close();
  }
}, 30_000);
