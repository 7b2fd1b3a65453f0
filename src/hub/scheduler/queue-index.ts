import type { Queries } from '../store/database.ts';
import type { QueueClass } from '../store/queue.ts';
import { findClass, listClasses } from '../store/queue-classes.ts';
import { type Labels, labelsMatch } from './matching.ts';

/** Queues that are kept in memory; further ones are read when others have emptied. */
const MAX_QUEUES = 10_000;

/** The queues that are not empty, by what their tasks want: a cache of the store, which never holds the tasks. */
export class QueueIndex {
  readonly #classes = new Map<string, QueueClass>();
  #more = false;
  /** Where the next round over all queues goes on. */
  #cursor = 0;

  async load(sql: Queries): Promise<void> {
    const found = await listClasses(sql, MAX_QUEUES + 1);
    this.#more = found.length > MAX_QUEUES;
    for (const queue of found.slice(0, MAX_QUEUES)) this.#classes.set(queue.classId, queue);
  }

  /** The queue of that class, looked up in the store when it is not known here; undefined when it is empty. */
  async find(sql: Queries, classId: string): Promise<QueueClass | undefined> {
    const known = this.#classes.get(classId);
    if (known !== undefined) return known;
    const found = await findClass(sql, classId);
    if (found === undefined) return undefined;
    if (this.#classes.size < MAX_QUEUES) this.#classes.set(classId, found);
    else this.#more = true;
    return found;
  }

  get(classId: string): QueueClass | undefined {
    return this.#classes.get(classId);
  }

  /** The queue has emptied. Resolves once those take its place that were left out. */
  async drop(sql: Queries, classId: string): Promise<void> {
    this.#classes.delete(classId);
    if (this.#more && this.#classes.size < MAX_QUEUES / 2) await this.load(sql);
  }

  /** Workers that could take its tasks are there at that hub time. */
  offered(classId: string, hubMs: number): void {
    const known = this.#classes.get(classId);
    if (known !== undefined) this.#classes.set(classId, { ...known, offeredHubMs: hubMs });
  }

  matching(labels: Labels): QueueClass[] {
    return [...this.#classes.values()].filter((queue) => labelsMatch(queue.labels, labels));
  }

  /** The next few queues, all of them in turn. */
  some(limit: number): QueueClass[] {
    const all = [...this.#classes.values()];
    if (this.#cursor >= all.length) this.#cursor = 0;
    const chosen = all.slice(this.#cursor, this.#cursor + limit);
    this.#cursor += limit;
    return chosen;
  }
}
