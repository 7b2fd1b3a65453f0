import type { StatusName, WhyView, WhyWorker } from '../model.ts';
import type { Place } from '../store/queue-classes.ts';
import { isFinal } from './dependencies.ts';
import type { Waiting } from './explain.ts';

/** All that tells why a task stands where it stands. Parts that do not concern it are empty. */
export interface Standing {
  readonly task: {
    readonly id: number;
    readonly status: StatusName;
    readonly reason: string | null;
    readonly workerName: string | null;
    readonly hold: 'manual' | 'pr-labels' | 'lock' | null;
    readonly nextId: number | null;
  };
  readonly waitsFor: WhyView['waitsFor'];
  readonly missingPullRequestLabels: readonly string[];
  readonly lock: WhyView['lock'];
  /** The scheduler's word on its queue; null when it does not wait for a worker. */
  readonly waiting: Waiting | null;
  /** Somebody has room, and it is kept from there for a while since its run before was lost there. */
  readonly avoids: string | null;
  readonly place: Place | null;
  readonly missingLabels: WhyView['missingLabels'];
  readonly missingResources: WhyView['missingResources'];
  readonly workers: readonly WhyWorker[];
  /** Wall time, in milliseconds. */
  readonly failsAtMs: number | null;
  readonly capacityExpected: WhyView['capacityExpected'];
}

type Verdict = Pick<WhyView, 'kind' | 'reason'>;

const quoted = (names: readonly string[]) => names.map((name) => `"${name}"`).join(', ');

function inQueue({ waiting, avoids, place, capacityExpected }: Standing): Verdict {
  const [soonest] = capacityExpected;
  const soon = soonest === undefined ? '' : `; pool ${soonest.pool} expects capacity at ${soonest.at}`;
  if (avoids !== null) {
    return { kind: 'other-worker', reason: `waits a moment for another worker than ${avoids}, which lost it` };
  }
  const { kind, reason } = waiting ?? { kind: 'next' as const, reason: 'is about to be placed' };
  const before = (place?.place ?? 1) - 1;
  const turn = kind === 'busy' && before > 0 ? `; ${before}${place?.exact === false ? ' or more' : ''} before it` : '';
  return { kind, reason: `${reason}${turn}${soon}` };
}

function verdict(standing: Standing): Verdict {
  const { task, waitsFor, missingPullRequestLabels, lock } = standing;
  if (isFinal(task.status)) {
    const again = task.nextId === null ? '' : `; it ran again as task ${task.nextId}`;
    return { kind: 'ended', reason: `it has ended: ${task.reason ?? task.status.toLowerCase()}${again}` };
  }
  if (task.status === 'EXECUTING') return { kind: 'running', reason: `runs on ${task.workerName}` };
  if (task.status === 'SCHEDULED')
    return { kind: 'running', reason: `was given to ${task.workerName}, which starts it` };
  if (task.hold === 'manual') {
    return { kind: 'manual', reason: `waits to be triggered: pwagent tasks trigger ${task.id}` };
  }
  if (task.hold === 'pr-labels') {
    return {
      kind: 'pr-labels',
      reason: `waits for labels of its pull request: ${missingPullRequestLabels.join(', ')}`,
    };
  }
  if (task.status === 'CREATED') {
    return { kind: 'dependencies', reason: `waits for ${quoted(waitsFor.map(({ name }) => name))}` };
  }
  if (task.hold === 'lock' && lock !== null) {
    return { kind: 'lock', reason: `waits for the execution lock "${lock.name}", which task ${lock.heldBy} has` };
  }
  return inQueue(standing);
}

/** Workers that are told at most. */
const WORKERS = 50;

/** Says in one sentence, and in detail, why a task stands where it stands. */
export function whyView(standing: Standing): WhyView {
  const { task, waitsFor, missingPullRequestLabels, lock, place, workers, failsAtMs } = standing;
  const { missingLabels, missingResources, capacityExpected } = standing;
  return {
    taskId: String(task.id),
    status: task.status,
    ...verdict(standing),
    missingLabels,
    missingResources,
    workers: workers.slice(0, WORKERS),
    matchingWorkers: workers.length,
    position: place,
    waitsFor,
    lock,
    missingPullRequestLabels,
    failsAt: failsAtMs === null ? null : new Date(failsAtMs).toISOString(),
    capacityExpected,
  };
}
