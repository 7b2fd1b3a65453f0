import { couldEverFit, type Labels, labelsMatch, type QueuedTask, type SchedulerWorker } from './matching.ts';

/** Why a task waits. With `nobody` (none could ever take it) and `offline` it fails after a day. */
export interface Waiting {
  readonly kind: 'nobody' | 'offline' | 'paused' | 'busy' | 'reserved';
  /** One sentence for people, without a full stop. */
  readonly reason: string;
}

const pairs = (labels: Labels) => Object.entries(labels).map(([name, value]) => `${name}=${value}`);

/** Up to three names, then how many more. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

function nobodyOffers(task: QueuedTask, workers: readonly SchedulerWorker[]): string {
  if (workers.length === 0) return 'no worker is registered';
  const missing = Object.entries(task.labels).filter(([name, value]) => !workers.some((w) => w.labels[name] === value));
  const wanted = pairs(missing.length > 0 ? Object.fromEntries(missing) : task.labels);
  const together = missing.length > 0 || wanted.length < 2 ? '' : ' together';
  return `no registered worker offers ${wanted.join(' and ')}${together}`;
}

function tooLarge(task: QueuedTask, workers: readonly SchedulerWorker[]): string {
  const wanted = Object.entries(task.resources).map(([name, amount]) => {
    const most = Math.max(0, ...workers.map((worker) => worker.resources[name] ?? 0));
    return `${amount} ${name} (the most that one has is ${most})`;
  });
  return `no matching worker is large enough for ${wanted.join(' and ')}`;
}

/** Explains why none of `workers` takes the task. `reserved` tells which of them are kept free for older tasks. */
export function explain(task: QueuedTask, workers: readonly SchedulerWorker[], reserved: ReadonlySet<number>): Waiting {
  const matching = workers.filter((worker) => labelsMatch(task.labels, worker.labels));
  if (matching.length === 0) return { kind: 'nobody', reason: nobodyOffers(task, workers) };
  const large = matching.filter((worker) => couldEverFit(task, worker));
  if (large.length === 0) return { kind: 'nobody', reason: tooLarge(task, matching) };
  const online = large.filter((worker) => worker.state === 'online');
  if (online.length === 0) {
    const names = large.map(({ name, state }) => `${name} is ${state}`);
    const kind = large.some(({ state }) => state === 'paused') ? 'paused' : 'offline';
    return { kind, reason: `no matching worker is available: ${listed(names)}` };
  }
  const names = listed(online.map(({ name }) => name));
  if (online.every((worker) => reserved.has(worker.id))) {
    return { kind: 'reserved', reason: `${names} ${online.length > 1 ? 'are' : 'is'} kept free for an older task` };
  }
  return { kind: 'busy', reason: `waits for a free place on ${names}` };
}
