import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster, type Started } from '../e2e/cluster.ts';
import { HubLoad } from '../support/hub-load.ts';

/** What came out of killing a hub again and again. */
export interface KillTally {
  readonly kills: number;
  readonly builds: number;
  readonly runs: number;
  readonly logBytes: number;
}

/** A number in [0, 1) that depends on the seed and the round alone. */
export function chance(seed: number, round: number): number {
  return Number(Bun.hash.wyhash(`${seed} ${round}`) % 10_000n) / 10_000;
}

/** Errors that a hub must not tell, however it is treated. */
export function bugsOf(hub: Started): string[] {
  return hub
    .stderr()
    .split('\n')
    .filter((line) => /"level":[56]0/.test(line));
}

/**
 * Kills a hub with SIGKILL `times` times at random moments, while workers run tasks, agents stream and builds are
 * submitted. Throws unless everything that was acknowledged is there at the end, nothing ran twice at a time, and the
 * check of the store finds nothing.
 */
export async function killOverAndOver(times: number, seed: number): Promise<KillTally> {
  const cluster = new Cluster();
  let load: HubLoad | undefined;
  try {
    let hub = await cluster.startHub();
    const token = (name: string) => readFileSync(join(cluster.data, name), 'utf8').trim();
    load = new HubLoad({
      http: cluster.hubUrl,
      grpc: `http://127.0.0.1:${cluster.grpcPort}`,
      registrationToken: token('registration-token'),
      adminToken: token('admin-token'),
    });
    load.start(3, 4);
    for (let round = 0; round < times; round += 1) {
      await Bun.sleep(10 + Math.floor(chance(seed, round) * 400));
      load.tally.broken.push(...bugsOf(hub));
      process.kill(hub.pid, 'SIGKILL');
      await hub.exited;
      hub = await cluster.startHub();
      if (load.tally.broken.length > 0) throw new Error(load.tally.broken.slice(0, 10).join('\n'));
    }
    await load.finish(120_000);
    await load.verify();
    load.tally.broken.push(...bugsOf(hub));
    process.kill(hub.pid, 'SIGTERM');
    await hub.exited;
    const check = await cluster.run(['hub', 'check', '--data', cluster.data]);
    if (check.code !== 0) load.tally.broken.push(`hub check: ${check.stdout}${check.stderr}`);
    if (load.tally.broken.length > 0) throw new Error(load.tally.broken.slice(0, 10).join('\n'));
    return {
      kills: times,
      builds: load.tally.submitted.length,
      runs: [...load.tally.ran.values()].reduce((sum, count) => sum + count, 0),
      logBytes: [...load.tally.acknowledged.values()].reduce((sum, bytes) => sum + bytes, 0),
    };
  } finally {
    load?.abandon();
    await cluster.close();
  }
}

export function tellKills({ kills, builds, runs, logBytes }: KillTally, seed: number): string {
  return `hub: ${kills} kill -9 under load (seed ${seed}); ${builds} acknowledged builds, ${runs} runs and ${logBytes} acknowledged bytes of logs are all there, none ran twice at a time, check clean`;
}
