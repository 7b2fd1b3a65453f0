import { join } from 'node:path';
import { AppError } from '../src/lib/errors.ts';
import { connect } from '../src/rpc/client.ts';
import { parseEndpoint } from '../src/rpc/endpoint.ts';
import { RpcError } from '../src/rpc/rpc-error.ts';
import { LoadWorker } from '../test/support/load-client.ts';
import { startHubProcess } from './hub-process.ts';
import { type Outcome, rowOf } from './report.ts';
import { usageOf } from './usage.ts';

const WORKERS = 10_000;
const PER_CONNECTION = 10;
const AT_ONCE = 8;
const WINDOWS = 5;
const WINDOW_MS = 12_000;

/** Does `work` for all items, so many at a time. */
async function inParallel<Item>(items: readonly Item[], atOnce: number, work: (item: Item) => Promise<void>) {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const item of rest) await work(item);
    }),
  );
}

function toldOf(failures: ReadonlyMap<string, number>): string {
  return [...failures].map(([status, count]) => `${count} ${status}`).join(', ') || 'none';
}

/** Tries again as workers do: on a machine that is busy with other things an answer may take its time. */
async function registered(worker: LoadWorker, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await worker.register(signal);
    } catch (error) {
      if (attempt === 5) throw error;
    }
  }
}

/** Ten thousand workers that poll one hub and get nothing, held as long as the hub wants. */
export async function pollingWorkers(folder: string, signal: AbortSignal): Promise<Outcome> {
  const hub = await startHubProcess(join(folder, 'hub'), signal);
  const cores: number[] = [];
  const memory: number[] = [];
  const stop = new AbortController();
  const polling = AbortSignal.any([signal, stop.signal]);
  const failures = new Map<string, number>();
  const connections = Array.from({ length: WORKERS / PER_CONNECTION }, () => connect(parseEndpoint(hub.grpc), []));
  const workers = Array.from(
    { length: WORKERS },
    (_, index) => new LoadWorker(hub, `w${index}`, { slots: 1 }, connections[index % connections.length]),
  );
  const poll = async (worker: LoadWorker) => {
    while (!polling.aborted) {
      await worker.poll([], polling).catch((error: unknown) => {
        const status = error instanceof RpcError ? error.status : String(error);
        if (!polling.aborted) failures.set(status, (failures.get(status) ?? 0) + 1);
      });
    }
  };
  const polls: Promise<void>[] = [];
  try {
    await inParallel(workers, AT_ONCE, async (worker) => {
      await registered(worker, signal);
      polls.push(poll(worker));
    });
    await Bun.sleep(WINDOW_MS);
    for (let window = 0; window < WINDOWS; window += 1) {
      signal.throwIfAborted();
      const before = usageOf(hub.child.pid);
      const startMs = performance.now();
      await Bun.sleep(WINDOW_MS);
      const after = usageOf(hub.child.pid);
      cores.push((after.cpuSeconds - before.cpuSeconds) / ((performance.now() - startMs) / 1_000));
      memory.push(after.residentMiB);
    }
    const failed = [...failures.values()].reduce((sum, count) => sum + count, 0);
    if (failed > WORKERS / 10) throw new AppError('JOB_FAILED', `${failed} polls failed: ${toldOf(failures)}`);
  } finally {
    stop.abort();
    await Promise.all(polls);
    for (const connection of connections) connection.close();
    await hub.stop();
  }
  return {
    name: 'polling-workers',
    title: `${WORKERS.toLocaleString('en')} polling workers`,
    method: `${WORKERS} workers register and poll, ${PER_CONNECTION} on each of ${connections.length} connections; there is nothing to do, so each poll is held for 20 s. Processor time and memory of the hub over ${WINDOWS} windows of ${WINDOW_MS / 1_000} s. The workers share the two cores with the hub. Failed polls: ${toldOf(failures)}.`,
    bounds: 'HTTP/2 of the runtime: 500 calls a second come and go, each with a timer and a look at the store.',
    rows: [
      rowOf('hub, processor', 'cores', cores, { goal: 1 }),
      rowOf('hub, resident memory', 'MiB', memory, { goal: 400 }),
    ],
  };
}
