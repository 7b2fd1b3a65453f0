import { type Amounts, addAmounts, amountsFit, subtractAmounts } from '../../lib/amounts.ts';

export type Labels = Readonly<Record<string, string>>;

/** What a task wants of a worker. */
export interface Wish {
  readonly labels: Labels;
  /** Empty when the task asks for none. */
  readonly resources: Amounts;
}

/** How a worker stands: `unsteady` registers again and again, and gets nothing until it has calmed down. */
export type WorkerState = 'online' | 'offline' | 'paused' | 'unsteady';

/** A registered worker, as the scheduler sees it. Only numbers, texts and lists, so that it can be recorded. */
export interface SchedulerWorker {
  readonly id: number;
  readonly name: string;
  readonly pool: string;
  readonly labels: Labels;
  /** What it declared; empty when it manages no resources. */
  readonly resources: Amounts;
  readonly state: WorkerState;
  /** Has a poll open, so that a task reaches it at once. */
  readonly ready: boolean;
  /** Resources of each task that holds a place on it; empty for tasks that asked for none. */
  readonly running: readonly Amounts[];
  /** What it uses for other hubs, by its own account. */
  readonly foreign: Amounts;
  /** Isolation of the instance it keeps warm; empty for none. */
  readonly standby: string;
  /** Time until its machine ends, as far as its supervisor says. */
  readonly endsInMs: number | null;
  /** Takes one task in its life. */
  readonly ephemeral: boolean;
}

const isEmpty = (amounts: Amounts) => Object.keys(amounts).length === 0;

/** Every requested label must be there with exactly the requested value. */
export function labelsMatch(wanted: Labels, offered: Labels): boolean {
  for (const name in wanted) if (offered[name] !== wanted[name]) return false;
  return true;
}

/** Whether an idle worker of that kind could take the task at all. */
export function couldEverFit(wish: Wish, worker: Pick<SchedulerWorker, 'resources'>): boolean {
  return amountsFit(wish.resources, worker.resources);
}

/**
 * Whether the task fits beside what runs there. A worker that declared nothing runs one task at a time; one that did
 * runs one task without resources alone, or tasks with resources as long as their sum stays within what it declared.
 */
export function fitsNow(
  wish: Wish,
  worker: Pick<SchedulerWorker, 'resources' | 'running' | 'foreign' | 'ephemeral'>,
): boolean {
  if (worker.running.length === 0 && isEmpty(worker.foreign)) return couldEverFit(wish, worker);
  if (worker.ephemeral || isEmpty(worker.resources) || isEmpty(wish.resources)) return false;
  if (worker.running.some(isEmpty)) return false;
  const used = worker.running.reduce<Amounts>(addAmounts, worker.foreign);
  return amountsFit(wish.resources, subtractAmounts(worker.resources, used));
}

/** Largest amount of a resource that counts, and how many different ones. */
const MAX_AMOUNT = 1e9;
const MAX_NAMES = 100;

/**
 * Amounts as a worker says them, made fit for counting: what is no number, or negative, is nothing, and what is beyond
 * all measure is the bound.
 */
export function soundAmounts(told: Amounts): Amounts {
  const sound = Object.entries(told).filter(([, amount]) => amount >= 0);
  return Object.fromEntries(sound.slice(0, MAX_NAMES).map(([name, amount]) => [name, Math.min(amount, MAX_AMOUNT)]));
}
