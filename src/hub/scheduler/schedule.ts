import type { Amounts } from '../../lib/amounts.ts';
import { couldEverFit, fitsNow, labelsMatch, type SchedulerWorker } from './matching.ts';
import type { Placement, Queue, QueuedTask, World } from './world.ts';

/**
 * How long a task lets younger ones pass that fit where it does not. After that a worker is kept free for it, since a
 * steady flow of small tasks would otherwise keep a large one waiting for ever.
 */
export const PATIENCE_MS = 60_000;

/** How long a task whose worker was lost waits for another one than that. */
export const OTHER_WORKER_MS = 30_000;

interface Turn {
  readonly queue: Queue;
  readonly task: QueuedTask;
}

/** What changes while one world is being decided: places and reservations only ever become fewer. */
class Board {
  readonly #running = new Map<number, Amounts[]>();
  readonly #room: Map<string, number>;
  readonly reservedFor = new Map<number, string>();

  constructor(private readonly world: World) {
    this.#room = new Map(world.pools.map(({ pool, left }) => [pool, left]));
    for (const { id, reserved } of world.queues) if (reserved !== null) this.reservedFor.set(reserved, id);
  }

  view(worker: SchedulerWorker): SchedulerWorker {
    const more = this.#running.get(worker.id);
    return more === undefined ? worker : { ...worker, running: [...worker.running, ...more] };
  }

  /** Workers with its labels that may take tasks of that queue, whether they have room now or not. */
  open(queue: Queue): SchedulerWorker[] {
    return this.world.workers
      .filter(
        ({ id, state, pool, labels }) =>
          state === 'online' &&
          (this.reservedFor.get(id) ?? queue.id) === queue.id &&
          (this.#room.get(pool) ?? 1) > 0 &&
          labelsMatch(queue.labels, labels),
      )
      .map((worker) => this.view(worker));
  }

  take(worker: SchedulerWorker, resources: Amounts): void {
    this.#running.set(worker.id, [...(this.#running.get(worker.id) ?? []), resources]);
    const room = this.#room.get(worker.pool);
    if (room !== undefined) this.#room.set(worker.pool, room - 1);
  }
}

/** How well a worker suits: compared from left to right, the lowest is best. */
function suitability(worker: SchedulerWorker, { queue, task }: Turn): readonly number[] {
  const warm = queue.isolation !== '' && worker.standby === queue.isolation;
  const wastes = worker.standby !== '' && !warm;
  return [
    worker.id === task.avoid ? 1 : 0,
    warm ? 0 : 1,
    wastes ? 1 : 0, // a task of another kind ends the instance that was kept warm
    task.stateful ? -(worker.endsInMs ?? Number.MAX_SAFE_INTEGER) : 0,
    worker.running.length,
    Object.keys(worker.labels).length, // special machines stay free
    worker.id,
  ];
}

function best(workers: readonly SchedulerWorker[], turn: Turn): SchedulerWorker | undefined {
  const ranked = workers.map((worker) => ({ worker, keys: suitability(worker, turn) }));
  ranked.sort((left, right) => {
    const at = left.keys.findIndex((key, index) => key !== right.keys[index]);
    return at < 0 ? 0 : (left.keys[at] ?? 0) - (right.keys[at] ?? 0);
  });
  return ranked[0]?.worker;
}

function why(worker: SchedulerWorker, { queue, task }: Turn, fitting: number): string {
  const order = task.repository === '' ? 'first in line' : `the turn of ${task.repository}`;
  if (queue.isolation !== '' && worker.standby === queue.isolation) return `${order}; its stand-by instance suits`;
  if (worker.id === task.avoid) return `${order}; no other worker came than the one that lost it`;
  return `${order}; ${fitting === 1 ? 'the only worker with room' : `the best of ${fitting} workers with room`}`;
}

function inTurn({ queues }: World): Turn[] {
  return queues
    .flatMap((queue) => queue.heads.map((task) => ({ queue, task })))
    .sort((left, right) => left.task.turn - right.task.turn || left.task.id - right.task.id);
}

/** Keeps the best worker free for a task that has run out of patience, unless one is kept already. */
function reserve(turn: Turn, open: readonly SchedulerWorker[], board: Board): Placement | undefined {
  const { queue, task } = turn;
  if (task.waitedMs < PATIENCE_MS || [...board.reservedFor.values()].includes(queue.id)) return undefined;
  const worker = best(
    open.filter((candidate) => couldEverFit(queue, candidate)),
    turn,
  );
  if (worker === undefined) return undefined;
  board.reservedFor.set(worker.id, queue.id);
  const reason = 'smaller tasks went before it for long enough';
  return { kind: 'reserve', taskId: task.id, workerId: worker.id, reason };
}

/**
 * Which tasks go where now, in the order in which it is decided. Pure: the same world gives the same decisions, and no
 * decision goes beyond what a worker declared. Queues are in order, so a task that finds no place keeps those behind it
 * in its own queue waiting, and nobody else.
 */
export function schedule(world: World): Placement[] {
  const board = new Board(world);
  const blocked = new Set<string>();
  const decisions: Placement[] = [];
  for (const turn of inTurn(world)) {
    const { queue, task } = turn;
    if (blocked.has(queue.id)) continue;
    const open = board.open(queue);
    const fitting = open.filter((worker) => worker.ready && fitsNow(queue, worker));
    const acceptable = task.waitedMs < OTHER_WORKER_MS ? fitting.filter(({ id }) => id !== task.avoid) : fitting;
    const worker = best(acceptable, turn);
    if (worker !== undefined) {
      board.take(worker, queue.resources);
      board.reservedFor.delete(worker.id);
      decisions.push({
        kind: 'place',
        taskId: task.id,
        workerId: worker.id,
        reason: why(worker, turn, fitting.length),
      });
    } else if (fitting.length === 0) {
      blocked.add(queue.id);
      const reservation = reserve(turn, open, board);
      if (reservation !== undefined) decisions.push(reservation);
    }
  }
  return decisions;
}
