import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../src/lib/errors.ts';
import { spawn } from '../src/platform/processes.ts';
import { submitter } from '../test/support/load-client.ts';
import { benchEnvironment, executable } from './executable.ts';
import { type HubProcess, startHubProcess } from './hub-process.ts';
import { type Outcome, rowOf } from './report.ts';

const SLOTS = 8;
const TASKS = 200;
const ROUNDS = 5;

/** Nothing is cloned: the clone and the script do as little as a process can. */
const CONFIGURATION = Array.from(
  { length: TASKS },
  (_, number) =>
    `t${number}_task: { persistent_worker: { resources: { slots: 1 } }, clone_script: 'true', noop_script: 'true' }\n`,
).join('');

interface Finished {
  readonly status: string;
  readonly tasks: readonly { readonly status: string; readonly startedAt: string; readonly finishedAt: string }[];
}

/** Waits for the end of a build and returns tasks per second, from the start of the first to the end of the last. */
async function rateOf(hub: HubProcess, id: string, signal: AbortSignal): Promise<number> {
  for (;;) {
    signal.throwIfAborted();
    const build = (await (await fetch(`${hub.http}/api/v1/builds/${id}`)).json()) as Finished;
    if (build.status === 'COMPLETED') {
      const starts = build.tasks.map(({ startedAt }) => Date.parse(startedAt));
      const ends = build.tasks.map(({ finishedAt }) => Date.parse(finishedAt));
      return (TASKS * 1_000) / (Math.max(...ends) - Math.min(...starts));
    }
    if (build.status === 'FAILED' || build.status === 'ABORTED') {
      const lost = build.tasks.filter(({ status }) => status !== 'COMPLETED').length;
      throw new AppError('JOB_FAILED', `${lost} of ${TASKS} tasks did not pass`);
    }
    await Bun.sleep(200);
  }
}

/** Trivial tasks through one worker: hub, worker and an agent for each task, as compiled executables. */
export async function tasksPerSecond(folder: string, signal: AbortSignal): Promise<Outcome> {
  const hub = await startHubProcess(join(folder, 'hub'), signal);
  const configuration = join(folder, 'worker.yml');
  mkdirSync(join(folder, 'work'));
  writeFileSync(
    configuration,
    `token: ${readFileSync(join(folder, 'hub/registration-token'), 'utf8').trim()}\nname: bench\nresources: { slots: ${SLOTS} }\nrpc: { endpoint: "${hub.grpc}" }\n`,
    { mode: 0o600 },
  );
  const argv = [executable(), 'worker', 'run', '--file', configuration];
  const env = benchEnvironment(join(folder, 'work'));
  const worker = await spawn({ argv, env, cwd: folder, stdout: 'ignore', stderr: 'ignore' });
  const rates: number[] = [];
  try {
    const submit = await submitter(hub, signal);
    for (let round = 0; round < ROUNDS; round += 1)
      rates.push(await rateOf(hub, (await submit(CONFIGURATION)).id, signal));
  } finally {
    worker.signal('SIGTERM');
    await worker.exited;
    await hub.stop();
  }
  return {
    name: 'tasks-per-second',
    title: `Trivial tasks through one worker of ${SLOTS} slots`,
    method: `${ROUNDS} builds of ${TASKS} tasks, each of which starts an agent and two shells that do nothing; from the start of the first task to the end of the last, by the hub. Every task passed, or there would be no figure.`,
    bounds: 'starts of processes: an agent and two shells for each task.',
    rows: [rowOf('tasks per second', 'tasks/s', rates, { atLeast: 20 })],
  };
}
