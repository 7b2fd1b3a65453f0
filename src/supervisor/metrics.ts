import { createServer } from 'node:http';
import type { Logger } from '../lib/log.ts';
import { family, type Sample } from '../lib/prometheus.ts';
import { errnoOf } from '../platform/files.ts';
import type { StatusAnswer, StatusReport } from './status-report.ts';

const PHASES = ['starting', 'serving', 'withdrawn', 'draining', 'stopping', 'halted'] as const;

/** The status as Prometheus text (exposition format 0.0.4). */
export function metricsText(status: StatusReport, finishedTasks: number): string {
  const { phase, deadlines, worker, shutdown, disk, metadata, ageSeconds, armed } = status;
  const due: Sample[] = deadlines.map(({ rule, inSeconds, suspended }) => [
    `rule="${rule}",suspended="${suspended}"`,
    inSeconds,
  ]);
  const flag = (value: boolean) => (value ? 1 : 0);
  return [
    family(
      'pwagent_phase',
      'gauge',
      '1 for the phase of this machine.',
      PHASES.map((name) => [`phase="${name}"`, flag(name === phase)]),
    ),
    family('pwagent_age_seconds', 'gauge', 'Age of this life.', [['', ageSeconds]]),
    family('pwagent_deadline_seconds', 'gauge', 'Seconds until the deadline; negative once it has passed.', due),
    family('pwagent_armed', 'gauge', 'Whether this supervisor may end the machine by itself.', [['', flag(armed)]]),
    family('pwagent_worker_up', 'gauge', 'Whether the worker has a process.', [['', flag(worker.pid !== null)]]),
    family('pwagent_worker_restarts_total', 'counter', 'Starts after a death.', [['', worker.restarts]]),
    family('pwagent_tasks_running', 'gauge', 'Tasks that run.', [['', worker.running.length]]),
    family('pwagent_tasks_finished_total', 'counter', 'Tasks that ended in this life.', [['', finishedTasks]]),
    family(
      'pwagent_metadata_reachable',
      'gauge',
      'Whether the metadata service answers.',
      metadata.reachable === null ? [] : [['', flag(metadata.reachable)]],
    ),
    family(
      'pwagent_disk_free_bytes',
      'gauge',
      'Free space where the worker works.',
      disk.freeBytes === null ? [] : [['', disk.freeBytes]],
    ),
    family('pwagent_ladder_attempts_total', 'counter', 'Rungs of the shutdown ladder that were climbed.', [
      ['', shutdown?.attempts ?? 0],
    ]),
  ].join('');
}

export interface MetricsServer {
  close(): void;
}

/** Serves `GET /metrics` at a loopback address and port; nothing for an empty one. A port in use costs a warning. */
export function openMetrics(
  listen: string,
  answer: () => (StatusAnswer & { readonly finishedTasks: number }) | undefined,
  log: Logger,
): MetricsServer | undefined {
  if (listen === '') return undefined;
  const colon = listen.lastIndexOf(':');
  const host = listen.slice(0, colon).replace(/^\[|\]$/g, '');
  const server = createServer({ requestTimeout: 5_000 }, (request, response) => {
    const found = request.url === '/metrics' && request.method === 'GET';
    const now = found ? answer() : undefined;
    response.writeHead(found ? (now === undefined ? 503 : 200) : 404, { 'content-type': 'text/plain; version=0.0.4' });
    response.end(now === undefined ? '' : metricsText(now.status, now.finishedTasks));
  });
  server.on('error', (error) => {
    log.warn('the metrics cannot be served', { event: 'metrics', listen, error: errnoOf(error) ?? String(error) });
  });
  server.maxConnections = 16;
  server.listen(Number(listen.slice(colon + 1)), host);
  return { close: () => void server.close() };
}
