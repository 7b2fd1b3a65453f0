import type { SchedulerWorker, Wish } from './matching.ts';

/** A task that waits for a worker. */
export interface QueuedTask {
  readonly id: number;
  readonly repository: string;
  /** Its place in the order of all queues: the lowest goes first, of equal ones the lowest id. */
  readonly turn: number;
  readonly waitedMs: number;
  /** The worker that lost its run before. */
  readonly avoid: number | null;
  readonly stateful: boolean;
}

/** Tasks that want the same. */
export interface Queue extends Wish {
  readonly id: string;
  /** Names the isolation; empty for none. */
  readonly isolation: string;
  /** The first tasks, in order. */
  readonly heads: readonly QueuedTask[];
  /** The worker that is kept free for the first of them. */
  readonly reserved: number | null;
}

/** How many more tasks a pool may run; only pools with a limit are there. */
export interface PoolRoom {
  readonly pool: string;
  readonly left: number;
}

/** All that a decision depends on. Parts that it does not depend on may be left out. */
export interface World {
  readonly queues: readonly Queue[];
  readonly workers: readonly SchedulerWorker[];
  readonly pools: readonly PoolRoom[];
}

export type Placement =
  | { readonly kind: 'place'; readonly taskId: number; readonly workerId: number; readonly reason: string }
  /** The worker takes nothing else until it has taken this task. */
  | { readonly kind: 'reserve'; readonly taskId: number; readonly workerId: number; readonly reason: string };
