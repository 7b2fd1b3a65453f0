import { copyFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findByEnvironment, listProcesses } from '../../src/platform/process-table.ts';
import { BINARY, Cluster, type Started } from '../e2e/cluster.ts';
import { TaskPool } from '../support/task-pool.ts';
import { waitFor } from '../support/wait-for.ts';

/** Bounds for a machine under load. */
const BOUND_MS = 60_000;
const SLOTS = 3;

/** Scripts that end soon, late, detach themselves, ignore signals, and leave things lying about. */
const SCRIPTS = [
  'true',
  'sleep 0.2',
  'sleep 30',
  'setsid sleep 600 & sleep 0.1',
  'trap "" TERM INT; sleep 30',
  'mkdir -p a/b && echo x > a/b/c && chmod -R a-w a && sleep 0.3',
];

export interface KillTally {
  kills: number;
  tasks: number;
  finished: number;
  lost: number;
  /** Working folders, owner files and private folders that were seen at the moment of a kill. */
  folders: number;
  /** Processes of tasks that were seen at the moment of a kill. */
  processes: number;
}

export function tellWorkerKills({ kills, tasks, finished, lost, folders, processes }: KillTally, seed: number): string {
  return `worker: ${kills} kill -9 (seed ${seed}) with ${folders} folders and ${processes} processes of tasks at that moment; of ${tasks} tasks ${finished} finished and ${lost} were lost, each once; no folder and no process left`;
}

/** Small and repeatable; the moments of kills need no more. */
function randomOf(seed: number): () => number {
  let state = seed % 2_147_483_647 || 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** A worker that is killed again and again while a pool keeps it busy. */
class Scene {
  readonly tally: KillTally = { kills: 0, tasks: 0, finished: 0, lost: 0, folders: 0, processes: 0 };

  constructor(
    private readonly cluster: Cluster,
    private readonly pool: TaskPool,
    private readonly random: () => number,
  ) {}

  start(): Started {
    const flags = ['--name', 'w1', '--rpc-endpoint', this.pool.endpoint, '--resources', `slots=${SLOTS}`];
    return this.cluster.start(['worker', 'run', ...flags, '--token-file', join(this.cluster.root, 'token')]);
  }

  /** Everything of this scene that runs, the worker `except` left out. */
  ours(except?: number): number[] {
    const marked = findByEnvironment('TMPDIR', this.cluster.temporary);
    const agents = listProcesses().filter(({ command }) => command.startsWith(this.cluster.binary));
    return [...new Set([...marked, ...agents.map(({ pid }) => pid)])].filter((pid) => pid !== except);
  }

  get folders(): string[] {
    // the lock of the worker's name stays, for the next one of that name
    return readdirSync(this.cluster.temporary).filter((name) => !name.startsWith('pwagent-worker-'));
  }

  async kill(worker: Started): Promise<void> {
    this.tally.folders += this.folders.length;
    this.tally.processes += this.ours(worker.pid).length;
    process.kill(worker.pid, 'SIGKILL');
    await worker.exited;
    this.tally.kills += 1;
  }

  async round(): Promise<void> {
    while (this.pool.left.waiting < 2 * SLOTS) {
      this.pool.add(SCRIPTS[Math.floor(this.random() * SCRIPTS.length)] ?? 'true');
    }
    const worker = this.start();
    const { registrations } = this.pool;
    const delayMs = this.random() ** 2 * 1_500;
    if (this.random() < 0.8) {
      await waitFor('it registers', () => this.pool.registrations > registrations, BOUND_MS);
    }
    await Bun.sleep(delayMs);
    if (worker.child.exitCode !== null) throw new Error(`the worker ended by itself: ${worker.stderr()}`);
    await this.kill(worker);
  }

  /** One more worker, which has nothing to do but to clean up, and ends in good order. */
  async end(): Promise<void> {
    this.pool.stopHandingOut();
    const worker = this.start();
    await waitFor('no task is open', () => this.pool.left.open === 0, BOUND_MS);
    await waitFor('no process is left', () => this.ours(worker.pid).length === 0, BOUND_MS).catch((error: unknown) => {
      const left = listProcesses().filter(({ pid }) => this.ours(worker.pid).includes(pid));
      throw new Error(`${error}: ${JSON.stringify(left)}`);
    });
    await waitFor('no folder is left', () => this.folders.length === 0, BOUND_MS).catch((error: unknown) => {
      throw new Error(`${error}: ${this.folders.join(', ')}`);
    });
    process.kill(worker.pid, 'SIGTERM');
    const { code } = await worker.exited;
    if (code !== 0) throw new Error(`the last worker ended with ${code}: ${worker.stderr()}`);
  }

  /** Each task has come to exactly one end. */
  judge(): void {
    const { complaints, tasks } = this.pool;
    if (complaints.length > 0) throw new Error(complaints.join('\n'));
    for (const task of tasks.values()) {
      const stopped = task.events.includes('stopped') ? 1 : 0;
      if (task.lost + stopped !== 1) throw new Error(`task ${task.id} did not end once: ${JSON.stringify(task)}`);
      this.tally.tasks += 1;
      this.tally.finished += stopped;
      this.tally.lost += task.lost;
    }
  }
}

/** Kills a worker `rounds` times at random points. Throws when anything is left, or a task does not end exactly once. */
export async function killWorkers(rounds: number, seed: number): Promise<KillTally> {
  const cluster = new Cluster();
  try {
    await using pool = await new TaskPool(SLOTS).start();
    cluster.binary = join(cluster.root, 'pwagent'); // its path tells our processes from those of others
    copyFileSync(BINARY, cluster.binary);
    cluster.file('token', 'token\n', 0o600);
    const scene = new Scene(cluster, pool, randomOf(seed));
    for (let round = 0; round < rounds; round += 1) await scene.round();
    await scene.end();
    scene.judge();
    return scene.tally;
  } finally {
    await cluster.close();
  }
}
