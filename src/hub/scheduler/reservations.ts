import type { Fleet } from '../fleet.ts';
import type { Placement, World } from './world.ts';

/** Which workers are kept free, for the first task of which queue. In memory alone: patience finds them again. */
export class Reservations {
  readonly #byQueue = new Map<string, number>();

  get byQueue(): ReadonlyMap<string, number> {
    return this.#byQueue;
  }

  /** After decisions in a world: keeps what was reserved, and lets go of what has served its purpose. */
  settle({ queues }: World, decisions: readonly Placement[]): void {
    const served = new Set(decisions.filter(({ kind }) => kind === 'place').map(({ taskId }) => taskId));
    for (const { id, heads } of queues) {
      const [first] = heads;
      if (first === undefined || served.has(first.id)) this.#byQueue.delete(id);
    }
    for (const { kind, taskId, workerId } of decisions) {
      const queue = queues.find(({ heads }) => heads.some(({ id }) => id === taskId));
      if (kind === 'reserve' && queue !== undefined) this.#byQueue.set(queue.id, workerId);
    }
  }

  /** Lets go of workers that can take nothing now. */
  dropStale(fleet: Fleet): void {
    for (const [queueId, workerId] of this.#byQueue) {
      const member = fleet.get(workerId);
      if (member === undefined || fleet.stateOf(member) !== 'online') this.#byQueue.delete(queueId);
    }
  }
}
