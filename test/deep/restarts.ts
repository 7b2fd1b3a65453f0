import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/platform/clock.ts';
import { findProcess, listProcesses } from '../../src/platform/process-table.ts';
import { currentUser } from '../../src/platform/users.ts';
import type { JournalEntry } from '../../src/supervisor/journal.ts';
import { askSupervisor } from '../../src/supervisor/status-client.ts';
import type { StatusReport } from '../../src/supervisor/status-report.ts';
import { BINARY, Cluster, type Started } from '../e2e/cluster.ts';
import { waitFor } from '../support/wait-for.ts';
import { KINDS, type Kind, newTally, type RestartTally } from './restart-tally.ts';

/** Bounds for a machine under load; each wait takes well under a second. */
const BOUND_MS = 60_000;

/** Status tells deadlines in whole milliseconds, reckoned from two clocks; over all restarts together. */
const TOLERANCE_MS = 20;

const NEVER = new AbortController().signal;

/** A supervisor that is killed again and again: its installation, and what must hold. */
class Scene {
  readonly tally = newTally();
  readonly #cluster: Cluster;
  readonly #first = new Map<string, number>();
  #bornMs: number | undefined;
  #hub = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    cluster.binary = join(cluster.root, 'pwagent'); // its path tells our processes from those of others
    copyFileSync(BINARY, cluster.binary);
    cluster.file('linger.sh', `echo $$ > ${cluster.root}/lingers\n[ -e ${cluster.root}/go ] || exec sleep 600\n`);
  }

  async open(): Promise<void> {
    const { root, file, data, temporary } = this.#cluster;
    this.#hub = (await this.#cluster.startHub()).pid;
    const write = file.bind(this.#cluster);
    const record = write('record.sh', `#!/bin/sh\necho down >> ${join(root, 'shutdowns')}\n`, 0o755);
    write('worker.yml', `name: w1\nrpc: {endpoint: "http://127.0.0.1:${this.#cluster.grpcPort}"}\n`);
    write(
      'pwagent.yml',
      `name: box
metadata: {source: none}
worker:
  user: ${currentUser().name}
  config: ${join(root, 'worker.yml')}
  token-file: ${join(data, 'registration-token')}
  grace: 500ms
  directory: ${root}
  path: "${process.env.PATH}"
  environment: {HOME: "${root}", TMPDIR: "${temporary}"}
shutdown: {command: ["${record}"], step-timeout: 5s}
disk: {min-free: 0}
state-dir: ${join(root, 'state')}
control: {socket: ${join(root, 's.sock')}}
`,
    );
  }

  start(): Started {
    return this.#cluster.start(['run', '--config', join(this.#cluster.root, 'pwagent.yml')]);
  }

  /** Waits until that very supervisor serves; its deadlines must be those of the first. */
  async serving(supervisor: Started): Promise<StatusReport & { readonly workerPid: number }> {
    const status = await waitFor(
      'the supervisor serves',
      async () => {
        if (supervisor.child.exitCode !== null) throw new Error(`ended by itself: ${supervisor.stderr()}`);
        const asked = await askSupervisor(join(this.#cluster.root, 's.sock'), systemClock, NEVER);
        return asked.tag === 'answer' && asked.answer.exitCode === 0 && asked.answer.status;
      },
      BOUND_MS,
    );
    this.#compare(status);
    if (this.#cluster.read('shutdowns') !== '') throw new Error('a shutdown was ordered, and no deadline had come');
    return { ...status, workerPid: status.worker.pid ?? 0 };
  }

  #compare({ deadlines }: StatusReport): void {
    for (const { rule, dueAt } of deadlines) {
      const dueMs = Date.parse(dueAt);
      const movedMs = dueMs - (this.#first.get(rule) ?? dueMs);
      this.#first.set(rule, dueMs - movedMs);
      this.tally.latestMs = Math.max(this.tally.latestMs, movedMs);
      this.tally.earliestMs = Math.min(this.tally.earliestMs, movedMs);
      this.tally.compared += 1;
      if (movedMs > TOLERANCE_MS) {
        throw new Error(`after ${this.tally.restarts} restarts the deadline ${rule} is ${movedMs} ms later`);
      }
    }
  }

  /** What the journal says about the beginning of the life must not change with any restart, not even by little. */
  checkJournal(): void {
    const { mark } = (JSON.parse(this.#cluster.read('state/journal.json')) as { entry: JournalEntry }).entry;
    const bornMs = mark.continuousMs - mark.ageMs;
    this.#bornMs ??= bornMs;
    const laterUs = (bornMs - this.#bornMs) * 1_000;
    this.tally.laterUs = Math.max(this.tally.laterUs, laterUs);
    if (laterUs > 1) throw new Error(`after ${this.tally.restarts} restarts the life begins ${laterUs} µs later`);
  }

  /** Our processes beside hub, supervisor and its worker; only the commands that were started here are left out. */
  strays(supervisor: number, worker: number): string[] {
    const known = [this.#hub, supervisor, worker];
    return listProcesses()
      .filter(({ pid, command }) => command.startsWith(this.#cluster.binary) && !known.includes(pid))
      .filter(({ command }) => /worker run|agent/.test(command.slice(this.#cluster.binary.length)))
      .map(({ pid, command }) => `${pid} ${command}`);
  }

  /** Ends the supervisor with SIGKILL in one of several moments. Returns processes that were there and must end. */
  async kill(kind: Kind, round: number, supervisor: Started): Promise<number[]> {
    this.tally.kills[kind] += 1;
    const pauseMs = (round * 37) % 250; // spread over start-up and early life, the same in each run
    const left: number[] = [];
    if (kind === 'while it starts') {
      await Bun.sleep(pauseMs);
    } else {
      const { workerPid } = await this.serving(supervisor);
      left.push(workerPid);
      if (kind === 'later') await Bun.sleep(pauseMs);
      if (kind === 'worker stopped') await this.#stopWorker(workerPid);
      if (kind === 'with a task') left.push(await this.#busy());
    }
    process.kill(supervisor.pid, 'SIGKILL');
    await supervisor.exited;
    return left;
  }

  /** A stopped worker cannot see that its supervisor is gone: the successor has to end it. */
  async #stopWorker(worker: number): Promise<void> {
    await waitFor('the worker is in the journal', () =>
      this.#cluster.read('state/journal.json').includes(`"pid":${worker},`),
    );
    process.kill(worker, 'SIGSTOP');
  }

  /** A task that would sleep on; after it is run again by the next worker it ends at once. */
  async #busy(): Promise<number> {
    const { root } = this.#cluster;
    const tree = this.#cluster.workTree(`persistent_worker: {}\nt_task: {x_script: sh ${root}/linger.sh}\n`);
    this.#cluster.start(this.#cluster.submitArgs(tree));
    const pid = await waitFor('the task runs', () => Number(this.#cluster.read('lingers').trim()) || false, BOUND_MS);
    this.#cluster.file('go', '');
    return pid;
  }

  /** What a dead supervisor left must end, at the latest by its successor. */
  async cleaned(left: readonly number[], sinceMs: number): Promise<void> {
    await waitFor(
      `processes ${left.join(', ')} end`,
      () => left.every((pid) => findProcess(pid) === undefined),
      BOUND_MS,
    );
    this.tally.left += left.length;
    this.tally.slowestCleaningMs = Math.max(this.tally.slowestCleaningMs, performance.now() - sinceMs);
  }

  /** Exactly one worker, nothing else of ours, a build that passes; after TERM nothing at all. */
  async close(supervisor: Started): Promise<void> {
    const { workerPid } = await this.serving(supervisor);
    await waitFor('no stray is left', () => this.strays(supervisor.pid, workerPid).length === 0, BOUND_MS).catch(() => {
      throw new Error(`left at the end: ${this.strays(supervisor.pid, workerPid).join('; ')}`);
    });
    if (findProcess(workerPid) === undefined) throw new Error('no worker at the end');
    const tree = this.#cluster.workTree('persistent_worker: {}\nt_task: {x_script: echo still-well}\n', {}, 'last');
    const { code, stdout } = await this.#cluster.submit(tree);
    if (code !== 0 || !stdout.includes('still-well')) throw new Error(`the last build ended with ${code}: ${stdout}`);
    process.kill(supervisor.pid, 'SIGTERM');
    await supervisor.exited;
    const after = this.strays(0, 0);
    if (after.length > 0) throw new Error(`left after the end: ${after.join('; ')}`);
  }
}

function kindOf(round: number): Kind {
  if (round % 10 === 9) return 'with a task';
  return KINDS[round % 4] ?? 'later';
}

/**
 * Kills the compiled supervisor of a real worker `times` times in a row, each in another moment. Throws when a deadline
 * moves later, when what it left outlives its successor's start, or when there is not exactly one worker at the end.
 */
export async function restartOverAndOver(times: number): Promise<RestartTally> {
  const cluster = new Cluster();
  try {
    const scene = new Scene(cluster);
    await scene.open();
    let supervisor = scene.start();
    for (let round = 0; round < times; round += 1) {
      const left = await scene.kill(kindOf(round), round, supervisor);
      const sinceMs = performance.now();
      supervisor = scene.start();
      scene.tally.restarts += 1;
      scene.checkJournal();
      if (kindOf(round) === 'while it starts') continue;
      await scene.cleaned(left, sinceMs);
    }
    await scene.close(supervisor);
    return scene.tally;
  } finally {
    endAll(cluster.binary);
    await cluster.close();
  }
}

/** Whatever runs our own copy of the executable after a failure: stopped workers hear nothing. */
function endAll(binary: string): void {
  for (const { pid, command } of listProcesses()) {
    if (!command.startsWith(binary)) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // ended by itself
    }
  }
}
