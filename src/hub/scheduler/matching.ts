import { type Amounts, addAmounts, amountsFit, subtractAmounts } from '../../lib/amounts.ts';

export type Labels = Readonly<Record<string, string>>;

/** A task that waits for a worker. */
export interface QueuedTask {
  readonly id: number;
  readonly labels: Labels;
  /** Empty when the task asks for none. */
  readonly resources: Amounts;
  /** How long it has been waiting. */
  readonly waitedMs: number;
}

/** A registered worker, as the scheduler sees it. */
export interface SchedulerWorker {
  readonly id: number;
  readonly name: string;
  readonly labels: Labels;
  /** What it declared; empty when it manages no resources. */
  readonly resources: Amounts;
  readonly state: 'online' | 'offline' | 'paused';
  /** Has a poll open, so that a task reaches it at once. */
  readonly ready: boolean;
  /** Resources of each task that holds a place on it; empty for tasks that asked for none. */
  readonly running: readonly Amounts[];
  /** What it uses for other hubs, by its own account. */
  readonly foreign: Amounts;
}

const isEmpty = (amounts: Amounts) => Object.keys(amounts).length === 0;

/** Every requested label must be there with exactly the requested value. */
export function labelsMatch(wanted: Labels, offered: Labels): boolean {
  return Object.entries(wanted).every(([name, value]) => offered[name] === value);
}

/** Whether an idle worker of that kind could take the task at all. */
export function couldEverFit(task: QueuedTask, worker: SchedulerWorker): boolean {
  return amountsFit(task.resources, worker.resources);
}

/**
 * Whether the task fits beside what runs there. A worker that declared nothing runs one task at a time; one that did
 * runs one task without resources alone, or tasks with resources as long as their sum stays within what it declared.
 */
export function fitsNow(task: QueuedTask, worker: SchedulerWorker): boolean {
  if (worker.running.length === 0 && isEmpty(worker.foreign)) return couldEverFit(task, worker);
  if (isEmpty(worker.resources) || isEmpty(task.resources)) return false;
  if (worker.running.some(isEmpty)) return false;
  const used = worker.running.reduce<Amounts>(addAmounts, worker.foreign);
  return amountsFit(task.resources, subtractAmounts(worker.resources, used));
}
