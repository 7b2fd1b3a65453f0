import { explain, type Waiting } from './explain.ts';
import { couldEverFit, fitsNow, labelsMatch, type QueuedTask, type SchedulerWorker } from './matching.ts';

export interface Assignment {
  readonly taskId: number;
  readonly workerId: number;
}

export interface Plan {
  readonly assignments: readonly Assignment[];
  /** By task id: why each task that is left waits. */
  readonly waiting: ReadonlyMap<number, Waiting>;
}

/**
 * How long a task lets younger ones pass that fit where it does not. After that a worker is kept free for it, since a
 * steady flow of small tasks would otherwise keep a large one waiting for ever.
 */
export const PATIENCE_MS = 60_000;

/** Prefers the least busy, then the one with the fewest labels (special machines stay free), then the oldest. */
function preference(left: SchedulerWorker, right: SchedulerWorker): number {
  return (
    left.running.length - right.running.length ||
    Object.keys(left.labels).length - Object.keys(right.labels).length ||
    left.id - right.id
  );
}

/** Tasks that differ only in age have the same answer for the rest of a pass, since capacity only shrinks in it. */
function signatureOf({ labels, resources }: QueuedTask): string {
  const sorted = (map: Readonly<Record<string, unknown>>) => Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([sorted(labels), sorted(resources)]);
}

/**
 * Places waiting tasks, in the order of `queue`, on workers that can take them now, and explains for the others why
 * they wait. Pure: the same arguments give the same plan, and a plan never goes beyond what a worker declared.
 */
export function assign(queue: readonly QueuedTask[], workers: readonly SchedulerWorker[]): Plan {
  const current = new Map(workers.map((worker) => [worker.id, worker]));
  const reserved = new Set<number>();
  const refused = new Map<string, Waiting>();
  const assignments: Assignment[] = [];
  const waiting = new Map<number, Waiting>();

  const open = (task: QueuedTask) =>
    [...current.values()].filter(
      (worker) => worker.state === 'online' && !reserved.has(worker.id) && labelsMatch(task.labels, worker.labels),
    );

  const reserveFor = (task: QueuedTask) => {
    const [best] = open(task)
      .filter((worker) => couldEverFit(task, worker))
      .sort(preference);
    if (best !== undefined) reserved.add(best.id);
  };

  for (const task of queue) {
    const signature = signatureOf(task);
    const known = refused.get(signature);
    const [worker] =
      known === undefined
        ? open(task)
            .filter((candidate) => candidate.ready && fitsNow(task, candidate))
            .sort(preference)
        : [];
    if (worker !== undefined) {
      assignments.push({ taskId: task.id, workerId: worker.id });
      current.set(worker.id, { ...worker, running: [...worker.running, task.resources] });
      continue;
    }
    const why = known ?? explain(task, [...current.values()], reserved);
    refused.set(signature, why);
    waiting.set(task.id, why);
    if (task.waitedMs >= PATIENCE_MS) reserveFor(task);
  }
  return { assignments, waiting };
}
