import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../src/lib/errors.ts';
import { systemClock } from '../src/platform/clock.ts';
import { type Child, spawn } from '../src/platform/processes.ts';
import { TaskPool } from '../test/support/task-pool.ts';
import { benchEnvironment, executable, timeRun } from './executable.ts';
import { type Outcome, type Row, rowOf } from './report.ts';
import { usageOf } from './usage.ts';

const TASKS = 10_000;
const SLOTS = 8;
const WARM_UP = 200;
const SCRIPT = 'true';
const BARE_RUNS = 50;

/** Descriptors that a process has open; Linux only. */
function descriptorsOf(pid: number): number {
  return process.platform === 'linux' ? readdirSync(`/proc/${pid}/fd`).length : Number.NaN;
}

function startWorker(folder: string, endpoint: string): Promise<Child> {
  writeFileSync(join(folder, 'token'), 'token\n', { mode: 0o600 });
  const flags = ['--rpc-endpoint', endpoint, '--resources', `slots=${SLOTS}`, '--token-file', join(folder, 'token')];
  const env = { ...benchEnvironment(folder), TMPDIR: join(folder, 'tmp') };
  mkdirSync(env.TMPDIR);
  return spawn({ argv: [executable(), 'worker', 'run', '--name', 'bench', ...flags], env });
}

/** Resolves when all tasks are over. Throws when the worker ends before, or when `signal` aborts. */
async function allOver(pool: TaskPool, worker: Child, signal: AbortSignal): Promise<void> {
  let ended = false;
  void worker.exited.then(() => {
    ended = true;
  });
  while (pool.left.open + pool.left.waiting > 0) {
    if (ended) throw new AppError('JOB_FAILED', 'the worker ended before its tasks');
    await systemClock.sleep(20, signal);
  }
}

/** Tasks that did not pass: every one of them is a mistake of ours. */
function failures(pool: TaskPool): number {
  const passed = ['started', 'stopped'];
  return [...pool.tasks.values()].filter(
    ({ events, lost }) => lost > 0 || !passed.every((event) => events.includes(event)),
  ).length;
}

async function bareRuns(folder: string): Promise<number[]> {
  const runs: number[] = [];
  for (let run = 0; run < BARE_RUNS; run += 1) {
    runs.push((await timeRun(['/bin/sh', '-c', SCRIPT], benchEnvironment(folder))).ms);
  }
  return runs;
}

export async function workerTasks(folder: string, signal: AbortSignal, count = TASKS): Promise<Outcome> {
  await using pool = await new TaskPool(SLOTS).start();
  const worker = await startWorker(folder, pool.endpoint);
  const rows: Row[] = [];
  const single = (what: string, unit: Row['unit'], value: number, more: Partial<Row> = {}) =>
    rows.push(rowOf(what, unit, [value], { spread: null, ...more }));
  try {
    pool.add(...Array<string>(WARM_UP).fill(SCRIPT));
    await allOver(pool, worker, signal);
    const before = { ...usageOf(worker.pid), descriptors: descriptorsOf(worker.pid) };
    const startMs = systemClock.monoMs();
    pool.add(...Array<string>(count).fill(SCRIPT));
    await allOver(pool, worker, signal);
    const seconds = (systemClock.monoMs() - startMs) / 1_000;
    const after = { ...usageOf(worker.pid), descriptors: descriptorsOf(worker.pid) };
    const bare = await bareRuns(folder);
    single(`${count} tasks through ${SLOTS} slots`, 'tasks/s', count / seconds, { atLeast: 20 });
    single('time of a slot for one task', 'ms', (seconds * 1_000 * SLOTS) / count);
    rows.push(rowOf('the bare command, one after the other', 'ms', bare));
    single('processor time of the worker for one task', 'ms', ((after.cpuSeconds - before.cpuSeconds) * 1_000) / count);
    single('resident memory of the worker before', 'MiB', before.residentMiB);
    single('resident memory of the worker after', 'MiB', after.residentMiB);
    single('descriptors before', '', before.descriptors);
    single('descriptors after', '', after.descriptors);
    single('folders left', '', readdirSync(join(folder, 'tmp')).length);
    single('tasks lost, failed or reported twice', '', failures(pool) + pool.complaints.length);
  } finally {
    worker.signal('SIGTERM');
    await worker.exited;
  }
  return {
    name: 'worker-tasks',
    title: 'Trivial tasks through one worker',
    method: `one worker of ${SLOTS} slots at a control plane in the process of the benchmark, which hands out the next task as soon as one has ended; each task is the script \`${SCRIPT}\`, with an agent, a shell and a working folder of its own; ${WARM_UP} tasks before that do not count.`,
    bounds: 'the start of an agent and a shell for each task, on all processors; the worker itself waits.',
    rows,
  };
}
