/** Amounts of named resources: `{ 'tart-vms': 1, cpu: 0.5 }`. */
export type Amounts = Readonly<Record<string, number>>;

/** Amounts are counted in millionths, so that ten times 0.1 is exactly 1. */
const SCALE = 1_000_000;

function toUnits(amount: number): bigint {
  return BigInt(Math.round(amount * SCALE));
}

function combine(left: Amounts, right: Amounts, sign: bigint): Amounts {
  const sum: Record<string, number> = { ...left };
  for (const [name, amount] of Object.entries(right)) {
    sum[name] = Number(toUnits(sum[name] ?? 0) + sign * toUnits(amount)) / SCALE;
  }
  return sum;
}

export function addAmounts(left: Amounts, right: Amounts): Amounts {
  return combine(left, right, 1n);
}

export function subtractAmounts(left: Amounts, right: Amounts): Amounts {
  return combine(left, right, -1n);
}

/** Whether `wanted` fits into `free`; a resource that `free` does not name counts as 0. */
export function amountsFit(wanted: Amounts, free: Amounts): boolean {
  return Object.entries(wanted).every(([name, amount]) => toUnits(amount) <= toUnits(free[name] ?? 0));
}
