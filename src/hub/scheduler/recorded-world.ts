import { labelsMatch } from './matching.ts';
import { schedule } from './schedule.ts';
import type { Placement, Queue, World } from './world.ts';

/** More of a world than this is not recorded; what is left out is what no decision depends on. */
const MAX_BYTES = 256 * 1024;

/** A world with what was decided in it, as it is stored. */
export interface RecordedWorld {
  readonly world: World;
  readonly decisions: readonly Placement[];
}

/** Of each queue only as many tasks as were looked at: those placed, and the first that was not. */
function trimmed(queue: Queue, placed: ReadonlySet<number>): Queue {
  const last = queue.heads.findLastIndex(({ id }) => placed.has(id));
  return { ...queue, heads: queue.heads.slice(0, last + 2) };
}

/**
 * The part of a world that its decisions depend on, small enough to be kept; undefined when even that is too large.
 * Replayed, it gives the same decisions.
 */
export function recordWorld(world: World, decisions: readonly Placement[]): string | undefined {
  const placed = new Set(decisions.map(({ taskId }) => taskId));
  const queues = world.queues.map((queue) => trimmed(queue, placed));
  const workers = world.workers.filter(({ labels }) => queues.some((queue) => labelsMatch(queue.labels, labels)));
  const text = JSON.stringify({ world: { ...world, queues, workers }, decisions } satisfies RecordedWorld);
  return text.length > MAX_BYTES ? undefined : text;
}

/** What the scheduler decides today in a recorded world, beside what it decided then. */
export function replay(text: string): {
  readonly recorded: readonly Placement[];
  readonly replayed: readonly Placement[];
} {
  const { world, decisions }: RecordedWorld = JSON.parse(text);
  return { recorded: decisions, replayed: schedule(world) };
}
