export interface BackoffPolicy {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * Delay before retry number `attempt` (0 for the first), in milliseconds: doubles from `firstMs` up to `maxMs`, then
 * a uniform part of the upper half is drawn, so that many clients do not come back in step.
 * `random` returns a number in [0, 1).
 */
export function backoffMs(attempt: number, policy: BackoffPolicy, random: () => number): number {
  const ceilingMs = Math.min(policy.maxMs, policy.firstMs * 2 ** Math.min(attempt, 30));
  return Math.round(ceilingMs / 2 + (ceilingMs / 2) * random());
}
