import { type Amounts, addAmounts, amountsFit, subtractAmounts } from '../lib/amounts.ts';

/** What a task (or a standby) holds of the worker. */
export interface Lease {
  /** Gives it back; a second call does nothing. */
  release(): void;
}

/** Tasks at a time, whatever they ask for: a server that has lost count must not start thousands of agents. */
export const MAX_TASKS = 256;

function describeShortage(wanted: Amounts, free: Amounts): string {
  const missing = Object.entries(wanted).filter(([name, amount]) => !amountsFit({ [name]: amount }, free));
  return missing.map(([name, amount]) => `${amount} of "${name}" with ${free[name] ?? 0} free`).join(', ');
}

/**
 * The resources of the worker over all its upstreams. The server schedules; this is the last line of defence against
 * one that overbooks, or two that do not know of each other. A worker without declared resources grants any.
 */
export class Capacity {
  readonly #leases = new Set<Amounts>();

  constructor(readonly total: Amounts) {}

  /** Takes `wanted`, or says in a sentence why it cannot be had. */
  take(wanted: Amounts): Lease | string {
    if (this.#leases.size >= MAX_TASKS) return `this worker runs ${MAX_TASKS} tasks already, which is its limit`;
    const managed = Object.keys(this.total).length > 0;
    if (managed && !amountsFit(wanted, this.free)) {
      return `this worker has not enough resources: the task needs ${describeShortage(wanted, this.free)}`;
    }
    const held = { ...wanted };
    this.#leases.add(held);
    return { release: () => void this.#leases.delete(held) };
  }

  /** Sum of what is held now, exact to a millionth. */
  get inUse(): Amounts {
    return [...this.#leases].reduce<Amounts>(addAmounts, {});
  }

  /** How many hold something, be it nothing of any resource. */
  get leases(): number {
    return this.#leases.size;
  }

  /** Per declared resource. */
  get free(): Amounts {
    const rest = subtractAmounts(this.total, this.inUse);
    return Object.fromEntries(Object.entries(rest).filter(([name]) => Object.hasOwn(this.total, name)));
  }
}
