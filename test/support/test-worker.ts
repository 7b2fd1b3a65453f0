import type { Clock } from '../../src/platform/clock.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { connect } from '../../src/rpc/client.ts';
import { resolveWorkerOptions } from '../../src/worker/configuration/resolve-options.ts';
import { parseWorkerFile } from '../../src/worker/configuration/worker-file.ts';
import { noLink, type WorkerLink } from '../../src/worker/link.ts';
import { noTelemetry } from '../../src/worker/telemetry/telemetry.ts';
import { Worker, type WorkerDeps } from '../../src/worker/worker.ts';
import { memoryLogger } from './logger.ts';
import { MemoryIsolation } from './memory-isolation.ts';

export interface TestWorkerOptions {
  readonly endpoints: readonly string[];
  readonly resources?: Readonly<Record<string, number>>;
  readonly ephemeral?: boolean;
  readonly exitOnRefusal?: boolean;
  readonly link?: Partial<WorkerLink>;
  readonly clock?: Clock;
  readonly drainMs?: number;
  /** PEM certificates that it trusts. */
  readonly roots?: readonly string[];
  readonly deps?: Partial<WorkerDeps>;
  /** Further lines of the configuration file. */
  readonly yaml?: string;
}

/** A worker named `w1` in this process, its isolation in memory, against real servers; `token` is its token everywhere. */
export function startTestWorker(options: TestWorkerOptions) {
  const { endpoints, resources = { slots: 2 }, ephemeral, exitOnRefusal, link, roots = [] } = options;
  const upstreams = endpoints.map((endpoint) => `  - {token: token, endpoint: "${endpoint}"}`).join('\n');
  const text = `name: w1\nresources: ${JSON.stringify(resources)}\nupstreams:\n${upstreams}\n${options.yaml ?? ''}`;
  const resolved = resolveWorkerOptions(parseWorkerFile(text, 'w.yml', {}), { ephemeral, exitOnRefusal }, 'host');
  const isolation = new MemoryIsolation();
  const log = memoryLogger();
  const worker = new Worker(resolved, {
    connect: (endpoint) => connect(endpoint, roots),
    agentEnvironment: { A: '1' },
    place: async () => ({ kind: 'none' }),
    createInstance: isolation.create,
    engines: {},
    telemetry: noTelemetry,
    link: { ...noLink, ...link },
    clock: options.clock ?? systemClock,
    random: () => 0.5,
    log,
    drainMs: options.drainMs ?? 60_000,
    ...options.deps,
  });
  const stop = new AbortController();
  const hurry = new AbortController();
  const ended = worker.run(stop.signal, hurry.signal);
  return { worker, isolation, log, ended, stop: () => stop.abort(), hurry: () => hurry.abort() };
}
