import { type Amounts, subtractAmounts } from '../lib/amounts.ts';

/** Whether two maps say the same. */
export function sameMap(left: Readonly<Record<string, unknown>>, right: Readonly<Record<string, unknown>>): boolean {
  const names = Object.keys(left);
  return names.length === Object.keys(right).length && names.every((name) => left[name] === right[name]);
}

/** What of `reported` (all that a worker uses) is not explained by `own`, the tasks that this hub gave it. */
export function foreignUse(reported: Amounts, own: readonly Amounts[]): Amounts {
  const rest = own.reduce<Amounts>(subtractAmounts, reported);
  return Object.fromEntries(Object.entries(rest).filter(([name, amount]) => name in reported && amount > 0));
}
