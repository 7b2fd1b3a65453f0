import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { AppError } from '../src/lib/errors.ts';
import type { PollResponse_AgentAwareTask } from '../src/rpc/gen/cirrus_ci_service_pb.ts';
import { LoadWorker, submitter } from '../test/support/load-client.ts';
import { type HubProcess, startHubProcess } from './hub-process.ts';
import { type Outcome, rowOf } from './report.ts';

const TASKS = 50;
const ROUNDS = 5;
/** Of each task in each round. */
const BYTES = 16 * 1024 * 1024;
const PIECE_BYTES = 64 * 1024;

const CONFIGURATION = Array.from(
  { length: TASKS },
  (_, number) => `t${number}_task: { persistent_worker: { resources: { slots: 1 } }, speak_script: 'true' }\n`,
).join('');

/** Registers a worker that takes all tasks of a build at once. */
async function takeAll(hub: HubProcess, signal: AbortSignal) {
  const worker = new LoadWorker(hub, 'bench', { slots: TASKS });
  await worker.register(signal);
  await (await submitter(hub, signal))(CONFIGURATION);
  const tasks: PollResponse_AgentAwareTask[] = [];
  while (tasks.length < TASKS) {
    const answer = await worker.poll(
      tasks.map(({ taskId }) => taskId),
      signal,
    );
    tasks.push(...answer.tasksToStart);
  }
  for (const task of tasks) await worker.started(task, signal);
  return { worker, tasks };
}

/** Different in each piece, so that a byte in the wrong place is found. */
function pieceOf(round: number, number: number): Uint8Array {
  const line = `round ${round} piece ${number} `.padEnd(99, '.');
  return new TextEncoder().encode(`${line}\n`.repeat(PIECE_BYTES / 100 + 1).slice(0, PIECE_BYTES));
}

function* piecesOf(round: number): Generator<Uint8Array> {
  for (let sent = 0; sent < BYTES; sent += PIECE_BYTES) yield pieceOf(round, sent / PIECE_BYTES);
}

/** Reads a whole log back and compares it with what was sent. */
async function compare(hub: HubProcess, taskId: string): Promise<void> {
  const sent = createHash('sha256');
  for (let round = 0; round < ROUNDS; round += 1) for (const piece of piecesOf(round)) sent.update(piece);
  const stored = createHash('sha256');
  const answer = await fetch(`${hub.http}/api/v1/tasks/${taskId}/logs/speak`);
  for await (const piece of answer.body ?? []) stored.update(piece);
  if (stored.digest('hex') !== sent.digest('hex')) {
    throw new AppError('JOB_FAILED', `the log of task ${taskId} is not what was sent`);
  }
}

/** Fifty agents that stream at once into one hub, as fast as it takes it. */
export async function logIngestion(folder: string, signal: AbortSignal): Promise<Outcome> {
  const hub = await startHubProcess(join(folder, 'hub'), signal);
  const rates: number[] = [];
  try {
    const { worker, tasks } = await takeAll(hub, signal);
    const polling = new AbortController();
    const ids = tasks.map(({ taskId }) => taskId);
    const stop = AbortSignal.any([signal, polling.signal]);
    const poll = async () => {
      while (!stop.aborted) await worker.poll(ids, stop).catch(() => undefined);
    };
    const polls = poll();
    for (let round = 0; round < ROUNDS; round += 1) {
      const startMs = performance.now();
      await Promise.all(tasks.map((task) => worker.stream(task, 'speak', round * BYTES, piecesOf(round), signal)));
      rates.push((TASKS * BYTES) / 1e6 / ((performance.now() - startMs) / 1_000));
    }
    for (const id of ids) await compare(hub, id);
    polling.abort();
    await polls;
    worker.close();
  } finally {
    await hub.stop();
  }
  return {
    name: 'log-ingestion',
    title: 'Log ingestion',
    method: `${TASKS} agents that stream ${BYTES / 1024 / 1024} MiB each in pieces of ${PIECE_BYTES / 1024} KiB, all at once, ${ROUNDS} times; from the first byte to the acknowledgement of the last, which comes when all are on the disk. The agents share the two cores with the hub. Afterwards every log is read back and compared by its checksum.`,
    bounds: 'the HTTP/2 library of the runtime, on both sides of the connection.',
    rows: [rowOf(`${TASKS} tasks, acknowledged bytes`, 'MB/s', rates, { atLeast: 100 })],
  };
}
