import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../src/platform/free-port.ts';
import { Cluster, type Started } from '../e2e/cluster.ts';
import { type Balancer, startBalancer } from '../support/balancer.ts';
import { HubLoad } from '../support/hub-load.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { waitFor } from '../support/wait-for.ts';
import { bugsOf, chance, type KillTally } from './hub-kills.ts';

const REPLICAS = 3;

/** One of the hubs behind the address. */
interface Replica {
  readonly name: string;
  readonly httpPort: number;
  readonly grpcPort: number;
  process: Started | undefined;
}

/** Hubs on one PostgreSQL database behind one address. */
class Replicas {
  readonly cluster = new Cluster();
  readonly #hubs: Replica[] = [];
  #postgres: TestPostgres | undefined;
  #database = '';
  #http: Balancer | undefined;
  #grpc: Balancer | undefined;

  async open(): Promise<void> {
    this.#postgres = await startPostgres({ durable: true });
    this.#database = await this.#postgres.create();
    for (let number = 1; number <= REPLICAS; number += 1) {
      const hub = {
        name: `hub-${number}`,
        httpPort: await freePort(0),
        grpcPort: await freePort(0),
        process: undefined,
      };
      this.#hubs.push(hub);
      await this.start(hub);
    }
    this.#http = await startBalancer(this.#hubs.map(({ httpPort }) => httpPort));
    this.#grpc = await startBalancer(this.#hubs.map(({ grpcPort }) => grpcPort));
  }

  get hubs(): readonly Replica[] {
    return this.#hubs;
  }

  async start(hub: Replica): Promise<void> {
    const { root } = this.cluster;
    const listen = ['--listen', `127.0.0.1:${hub.httpPort}`, '--grpc', `127.0.0.1:${hub.grpcPort}`];
    const folders = ['--data', join(root, hub.name), '--shared', join(root, 'shared')];
    const started = this.cluster.start(['hub', ...listen, ...folders], { PWAGENT_DATABASE_URL: this.#database });
    hub.process = started;
    await waitFor(
      `${hub.name} answers`,
      async () => {
        if (started.child.exitCode !== null) throw new Error(`${hub.name} ended by itself: ${started.stderr()}`);
        return (await fetch(`http://127.0.0.1:${hub.httpPort}/healthz`).catch(() => undefined))?.ok;
      },
      60_000,
    );
  }

  async kill(hub: Replica): Promise<string[]> {
    if (hub.process === undefined) return [];
    const bugs = bugsOf(hub.process);
    process.kill(hub.process.pid, 'SIGKILL');
    await hub.process.exited;
    return bugs;
  }

  get address() {
    const token = (name: string) => readFileSync(join(this.cluster.root, 'hub-1', name), 'utf8').trim();
    return {
      http: `http://127.0.0.1:${this.#http?.port}`,
      grpc: `http://127.0.0.1:${this.#grpc?.port}`,
      registrationToken: token('registration-token'),
      adminToken: token('admin-token'),
    };
  }

  /** What `hub check` says of the database, after all hubs have ended in good order. */
  async check(): Promise<string> {
    for (const { process: hub } of this.#hubs) {
      if (hub === undefined) continue;
      process.kill(hub.pid, 'SIGTERM');
      await hub.exited;
    }
    const { root } = this.cluster;
    const folders = ['--data', join(root, 'hub-1'), '--shared', join(root, 'shared')];
    const checked = await this.cluster.run(['hub', 'check', ...folders], { PWAGENT_DATABASE_URL: this.#database });
    return checked.code === 0 ? '' : `hub check: ${checked.stdout}${checked.stderr}`;
  }

  async close(): Promise<void> {
    await this.#http?.close();
    await this.#grpc?.close();
    await this.cluster.close();
    await this.#postgres?.stop();
  }
}

/**
 * Kills one of three hubs on one PostgreSQL database again and again, `times` times, one every `everyMs`, under load
 * that comes to one address. Throws unless what was acknowledged is all there, nothing ran twice at a time, and the
 * check finds nothing.
 */
export async function killReplicas(times: number, everyMs: number, seed: number): Promise<KillTally> {
  const replicas = new Replicas();
  let load: HubLoad | undefined;
  try {
    await replicas.open();
    load = new HubLoad(replicas.address);
    const { tally } = load;
    load.start(4, 4);
    for (let round = 0; round < times; round += 1) {
      await Bun.sleep(everyMs * (0.5 + chance(seed, round)));
      const victim = replicas.hubs[Math.floor(chance(seed + 1, round) * REPLICAS)];
      if (victim === undefined) continue;
      tally.broken.push(...(await replicas.kill(victim)));
      await Bun.sleep(everyMs * 0.2);
      await replicas.start(victim);
      if (tally.broken.length > 0) throw new Error(tally.broken.slice(0, 10).join('\n'));
    }
    await load.finish(180_000);
    await load.verify();
    for (const { process: hub } of replicas.hubs) if (hub !== undefined) tally.broken.push(...bugsOf(hub));
    const problems = await replicas.check();
    if (problems !== '') tally.broken.push(problems);
    if (tally.broken.length > 0) throw new Error(tally.broken.slice(0, 10).join('\n'));
    return {
      kills: times,
      builds: tally.submitted.length,
      runs: [...tally.ran.values()].reduce((sum, count) => sum + count, 0),
      logBytes: [...tally.acknowledged.values()].reduce((sum, bytes) => sum + bytes, 0),
    };
  } finally {
    load?.abandon();
    await replicas.close();
  }
}

export function tellReplicas({ kills, builds, runs, logBytes }: KillTally, seed: number): string {
  return `three hubs on PostgreSQL: ${kills} kill -9 of one of them under load (seed ${seed}); ${builds} acknowledged builds, ${runs} runs and ${logBytes} acknowledged bytes of logs are all there, none ran twice at a time, check clean`;
}
