import { family, labels, type Sample } from '../../lib/prometheus.ts';
import type { StatusName } from '../model.ts';

/** What the hub tells of itself, gathered at the moment it is asked. */
export interface HubFigures {
  readonly version: string;
  readonly draining: boolean;
  readonly workers: readonly {
    readonly pool: string;
    readonly state: 'online' | 'offline' | 'paused';
    readonly count: number;
  }[];
  readonly tasks: readonly { readonly status: StatusName; readonly count: number }[];
  readonly builds: readonly { readonly status: StatusName; readonly count: number }[];
  /** How long the first in line has been waiting; 0 with an empty queue. */
  readonly oldestWaitSeconds: number;
  readonly requests: readonly {
    readonly method: string;
    readonly status: number;
    readonly count: number;
    readonly seconds: number;
  }[];
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  readonly upSeconds: number;
}

const STATUSES: readonly StatusName[] = [
  ...(['CREATED', 'TRIGGERED', 'SCHEDULED', 'EXECUTING'] as const),
  ...(['COMPLETED', 'FAILED', 'ABORTED', 'SKIPPED'] as const),
];

function byStatus(counts: readonly { readonly status: StatusName; readonly count: number }[]): Sample[] {
  const known = new Map(counts.map(({ status, count }) => [status, count]));
  return STATUSES.map((status) => [labels({ status: status.toLowerCase() }), known.get(status) ?? 0]);
}

/** Prometheus text. Each name is listed in docs/hub.md. */
export function hubMetricsText(figures: HubFigures): string {
  const requestLabels = ({ method, status }: HubFigures['requests'][number]) =>
    labels({ method, status: String(status) });
  return [
    family('pwagent_hub_info', 'gauge', 'Always 1; the version is a label.', [
      [labels({ version: figures.version }), 1],
    ]),
    family('pwagent_hub_draining', 'gauge', 'Whether the hub hands out nothing more.', [
      ['', figures.draining ? 1 : 0],
    ]),
    family(
      'pwagent_hub_workers',
      'gauge',
      'Registered workers.',
      figures.workers.map(({ pool, state, count }) => [labels({ pool, state }), count]),
    ),
    family('pwagent_hub_tasks', 'gauge', 'Stored tasks by status.', byStatus(figures.tasks)),
    family('pwagent_hub_builds', 'gauge', 'Stored builds by status.', byStatus(figures.builds)),
    family('pwagent_hub_queue_oldest_seconds', 'gauge', 'How long the first task in line has been waiting.', [
      ['', figures.oldestWaitSeconds],
    ]),
    family(
      'pwagent_hub_http_requests_total',
      'counter',
      'Answered HTTP requests.',
      figures.requests.map((entry) => [requestLabels(entry), entry.count]),
    ),
    family(
      'pwagent_hub_http_request_seconds_total',
      'counter',
      'Time until the answers began.',
      figures.requests.map((entry) => [requestLabels(entry), entry.seconds]),
    ),
    family('process_resident_memory_bytes', 'gauge', 'Memory of the process.', [['', figures.residentBytes]]),
    family('process_cpu_seconds_total', 'counter', 'Processor time of the process.', [['', figures.cpuSeconds]]),
    family('pwagent_hub_up_seconds', 'gauge', 'How long the process has been serving.', [['', figures.upSeconds]]),
  ].join('');
}
