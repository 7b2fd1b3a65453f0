import type { WhyKind, WhyView, WhyWorker } from '../model.ts';
import { couldEverFit, type Labels, labelsMatch, type SchedulerWorker, type Wish } from './matching.ts';

/** Why no worker takes a task now. With `nobody` (none could ever take it) and `offline` it fails after a time. */
export interface Waiting {
  readonly kind: Extract<WhyKind, 'nobody' | 'offline' | 'paused' | 'busy' | 'reserved'>;
  /** One sentence for people, without a full stop. */
  readonly reason: string;
}

const pairs = (labels: Labels) => Object.entries(labels).map(([name, value]) => `${name}=${value}`);

/** Up to three names, then how many more. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

/** Values that are told of one label at most. */
const OFFERED = 10;

/** Labels that no worker has, with the values that workers have instead. */
export function missingLabels({ labels }: Wish, workers: readonly SchedulerWorker[]): WhyView['missingLabels'] {
  return Object.entries(labels)
    .filter(([name, value]) => !workers.some((worker) => worker.labels[name] === value))
    .map(([name, value]) => {
      const offered = new Set(workers.flatMap((worker) => worker.labels[name] ?? []));
      return { name, value, offered: [...offered].sort().slice(0, OFFERED) };
    });
}

/** Resources of which no worker with its labels has enough. */
export function missingResources(wish: Wish, workers: readonly SchedulerWorker[]): WhyView['missingResources'] {
  const matching = workers.filter((worker) => labelsMatch(wish.labels, worker.labels));
  return Object.entries(wish.resources)
    .map(([name, wanted]) => ({
      name,
      wanted,
      largest: matching.reduce((most, worker) => Math.max(most, worker.resources[name] ?? 0), 0),
    }))
    .filter(({ wanted, largest }) => wanted > largest);
}

function nobodyOffers(wish: Wish, workers: readonly SchedulerWorker[]): string {
  if (workers.length === 0) return 'no worker is registered';
  const missing = missingLabels(wish, workers).map(({ name, value }) => `${name}=${value}`);
  const wanted = missing.length > 0 ? missing : pairs(wish.labels);
  const together = missing.length > 0 || wanted.length < 2 ? '' : ' together';
  return `no registered worker offers ${wanted.join(' and ')}${together}`;
}

function tooLarge(wish: Wish, workers: readonly SchedulerWorker[]): string {
  const wanted = Object.entries(wish.resources).map(([name, amount]) => {
    const most = workers.reduce((max, worker) => Math.max(max, worker.resources[name] ?? 0), 0);
    return `${amount} ${name} (the most that one has is ${most})`;
  });
  return `no matching worker is large enough for ${wanted.join(' and ')}`;
}

const STATE_WORD = {
  online: 'online',
  offline: 'offline',
  paused: 'paused',
  unsteady: 'registering again and again',
} as const;

/** Explains why none of `workers` takes such a task. `keptFree` names the workers kept for tasks of other queues. */
export function explainQueue(
  wish: Wish,
  workers: readonly SchedulerWorker[],
  keptFree: ReadonlySet<number> = new Set(),
): Waiting {
  const matching = workers.filter((worker) => labelsMatch(wish.labels, worker.labels));
  if (matching.length === 0) return { kind: 'nobody', reason: nobodyOffers(wish, workers) };
  const large = matching.filter((worker) => couldEverFit(wish, worker));
  if (large.length === 0) return { kind: 'nobody', reason: tooLarge(wish, matching) };
  const online = large.filter((worker) => worker.state === 'online');
  if (online.length === 0) {
    const names = large.map(({ name, state }) => `${name} is ${STATE_WORD[state]}`);
    const kind = large.some(({ state }) => state !== 'offline') ? 'paused' : 'offline';
    return { kind, reason: `no matching worker is available: ${listed(names)}` };
  }
  const names = listed(online.map(({ name }) => name));
  if (online.every((worker) => keptFree.has(worker.id))) {
    return { kind: 'reserved', reason: `${names} ${online.length > 1 ? 'are' : 'is'} kept free for an older task` };
  }
  return { kind: 'busy', reason: `waits for a free place on ${names}` };
}

/** Workers with all its labels, told to people. `runningOn` gives the tasks of a worker. */
export function describeWorkers(
  wish: Wish,
  workers: readonly SchedulerWorker[],
  runningOn: (workerId: number) => readonly string[],
): WhyWorker[] {
  return workers
    .filter((worker) => labelsMatch(wish.labels, worker.labels))
    .map((worker) => ({
      name: worker.name,
      pool: worker.pool,
      state: worker.state,
      largeEnough: couldEverFit(wish, worker),
      running: runningOn(worker.id),
      resources: worker.resources,
    }));
}
