import { type Amounts, amountsFit } from '../../lib/amounts.ts';
import type { ResourceModifier } from '../configuration/options.ts';

/** Extra arguments that one machine has for itself until it gives them back. */
export interface ModifierLease {
  readonly runArguments: readonly string[];
  /** A second call does nothing. */
  release(): void;
}

/** Takes a task that asks for every resource of `match` and for no more of it. */
function fits(match: Amounts, wanted: Amounts): boolean {
  return Object.keys(match).every((name) => Object.hasOwn(wanted, name)) && amountsFit(pick(wanted, match), match);
}

function pick(amounts: Amounts, names: Amounts): Amounts {
  return Object.fromEntries(Object.entries(amounts).filter(([name]) => Object.hasOwn(names, name)));
}

const NOTHING: ModifierLease = { runArguments: [], release() {} };

/**
 * Hands out resource modifiers (specification of the worker, section 9.4): the first that fits and is free. Where none
 * fits there are no extra arguments. Where those that fit by name are all in use, a machine must not start without its
 * device: that is told instead. One that fits everything is a mere default, so its second user goes without.
 */
export class ModifierPool {
  readonly #taken = new Set<ResourceModifier>();

  constructor(private readonly modifiers: readonly ResourceModifier[]) {}

  /** Gives arguments for a machine with these resources, or says in a sentence why there are none. */
  take(wanted: Amounts): ModifierLease | string {
    const fitting = this.modifiers.filter(({ match }) => fits(match, wanted));
    const free = fitting.find((modifier) => !this.#taken.has(modifier));
    if (free !== undefined) {
      this.#taken.add(free);
      return { runArguments: free.append.run, release: () => void this.#taken.delete(free) };
    }
    const named = fitting.find(({ match }) => Object.keys(match).length > 0);
    if (named === undefined) return NOTHING;
    const what = Object.entries(named.match).map(([name, amount]) => `${name}: ${amount}`);
    return `every resource modifier for ${what.join(', ')} is in use`;
  }
}
