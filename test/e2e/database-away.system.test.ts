import { expect } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HubLoad } from '../support/hub-load.ts';
import { postgresGap, startPostgres } from '../support/postgres.ts';
import { testNeeding } from '../support/requirement.ts';
import { waitFor } from '../support/wait-for.ts';
import { Cluster } from './cluster.ts';

const onPostgres = testNeeding('a hub whose PostgreSQL goes away', postgresGap());

onPostgres(
  'a database that goes away and comes back: callers are told to wait, nothing acknowledged is lost',
  async () => {
    const postgres = await startPostgres({ durable: true });
    const cluster = new Cluster();
    const env = { PWAGENT_DATABASE_URL: await postgres.create() };
    let load: HubLoad | undefined;
    try {
      const hub = await cluster.startHub([], env);
      const token = (name: string) => readFileSync(join(cluster.data, name), 'utf8').trim();
      const [registrationToken, adminToken] = [token('registration-token'), token('admin-token')];
      const http = cluster.hubUrl;
      load = new HubLoad({ http, grpc: `http://127.0.0.1:${cluster.grpcPort}`, registrationToken, adminToken });
      const { tally } = load;
      load.start(2, 4);
      const headers = { authorization: `Bearer ${adminToken}` };
      const statusOf = async () => (await fetch(`${http}/api/v1/builds?limit=1`, { headers })).status;
      for (let round = 0; round < 2; round += 1) {
        const before = tally.submitted.length;
        await waitFor('builds come in', () => tally.submitted.length >= before + 5, 60_000);
        await postgres.crash();
        await waitFor('the hub says that it cannot', async () => (await statusOf()) === 503, 30_000);
        expect(hub.child.exitCode).toBeNull();
        await Bun.sleep(1_000);
        await postgres.start();
        await waitFor('the hub goes on', async () => (await statusOf()) === 200, 60_000);
      }
      await load.finish(120_000);
      await load.verify();
      expect(tally.broken).toEqual([]);
      process.kill(hub.pid, 'SIGTERM');
      await hub.exited;
      expect(await cluster.run(['hub', 'check', '--data', cluster.data], env)).toMatchObject({ code: 0 });
    } finally {
      load?.abandon();
      await cluster.close();
      await postgres.stop();
    }
  },
  240_000,
);
