import type { Fleet } from '../fleet.ts';
import type { Member } from '../member.ts';
import type { QueueClass } from '../store/queue.ts';
import { couldEverFit, fitsNow, labelsMatch, type SchedulerWorker } from './matching.ts';
import type { QueueIndex } from './queue-index.ts';

/** The part of the world that one pass decides about. */
export interface Slice {
  readonly queues: readonly QueueClass[];
  readonly members: readonly Member[];
}

export interface SliceInput {
  readonly fleet: Fleet;
  readonly queues: QueueIndex;
  readonly reservations: ReadonlyMap<string, number>;
  /** Queues that have a task more. */
  readonly news: readonly QueueClass[];
  /** Of these, the ones for which a worker may be kept free. */
  readonly impatient: ReadonlySet<string>;
  /** Workers that have more room than before. */
  readonly members: readonly Member[];
}

/** Workers that one queue is given to choose from, and queues that one worker is. */
const WORKERS_PER_QUEUE = 64;
const QUEUES_PER_WORKER = 64;

const online = (worker: SchedulerWorker) => worker.state === 'online';
const hasRoom = (queue: QueueClass, worker: SchedulerWorker) => worker.ready && fitsNow(queue, worker);

/** Least busy first, then the ones with the fewest labels. */
function busyness(left: SchedulerWorker, right: SchedulerWorker): number {
  return (
    left.running.length - right.running.length || Object.keys(left.labels).length - Object.keys(right.labels).length
  );
}

/** Workers that a queue may choose from: those whose stand-by instance suits first, so that the bound never hides them. */
function candidates(queue: QueueClass, { fleet, impatient }: SliceInput): SchedulerWorker[] {
  const suits = ({ standby }: SchedulerWorker) => (queue.isolation !== '' && standby === queue.isolation ? 0 : 1);
  const wants = (worker: SchedulerWorker) =>
    hasRoom(queue, worker) || (impatient.has(queue.classId) && couldEverFit(queue, worker));
  const pool = impatient.has(queue.classId) ? fleet.members() : fleet.ready();
  return pool
    .filter(({ record }) => labelsMatch(queue.labels, record.labels))
    .map((member) => fleet.view(member))
    .filter((worker) => online(worker) && wants(worker))
    .sort((left, right) => suits(left) - suits(right) || busyness(left, right))
    .slice(0, WORKERS_PER_QUEUE);
}

/**
 * Chooses what a pass looks at: queues with news and workers they could go to, workers with news and queues they could
 * serve. A worker that is kept free comes with the queue that it is kept for, since otherwise another would get it.
 */
export function chooseSlice(input: SliceInput): Slice {
  const { fleet, queues, reservations, news, members } = input;
  const chosen = new Map(news.map((queue) => [queue.classId, queue]));
  const workers = new Set<number>();
  for (const queue of news) for (const { id } of candidates(queue, input)) workers.add(id);
  for (const member of members) {
    const worker = fleet.view(member);
    if (!online(worker) || !worker.ready) continue;
    const fitting = queues.matching(worker.labels).filter((queue) => hasRoom(queue, worker));
    if (fitting.length === 0) continue;
    workers.add(worker.id);
    for (const queue of fitting.slice(0, QUEUES_PER_WORKER)) chosen.set(queue.classId, queue);
  }
  for (const [classId, workerId] of reservations) {
    const queue = queues.get(classId);
    if (queue !== undefined && workers.has(workerId)) chosen.set(classId, queue);
  }
  return { queues: [...chosen.values()], members: [...workers].flatMap((id) => fleet.get(id) ?? []) };
}
