import { expect, test } from 'bun:test';
import { waitFor } from '../support/wait-for.ts';
import { Cluster } from './cluster.ts';

const TREE = [1, 2]
  .map((n) => `t${n}_task: {x_script: echo ran ${n}, persistent_worker: {resources: {slots: 1}}}\n`)
  .join('');

test('--ephemeral: of two tasks that would fit the worker gets one, and the hub forgets it; the next one of its name gets the other', async () => {
  const cluster = new Cluster();
  try {
    await cluster.startHub();
    const flags = ['--name', 'w1', '--rpc-endpoint', `http://127.0.0.1:${cluster.grpcPort}`, '--resources', 'slots=2'];
    const run = ['worker', 'run', ...flags, '--token-file', `${cluster.data}/registration-token`, '--ephemeral'];
    const submitted = cluster.submit(cluster.workTree(TREE));
    for (let turn = 0; turn < 2; turn += 1) {
      const worker = cluster.start(run);
      expect((await worker.exited).code).toBe(0);
      expect(worker.stderr().match(/"task started"/g)).toHaveLength(1);
    }
    const { code, stdout } = await submitted;
    expect([code, stdout.includes('ran 1'), stdout.includes('ran 2')]).toEqual([0, true, true]);
    const hub = ['--hub', cluster.hubUrl, '--token-file', `${cluster.data}/admin-token`];
    const list = cluster.start(['workers', ...hub, '--json']);
    await list.exited;
    await waitFor('it is printed', () => list.stdout() !== '');
    expect(list.stdout()).not.toContain('"w1"');
  } finally {
    await cluster.close();
  }
}, 30_000);
