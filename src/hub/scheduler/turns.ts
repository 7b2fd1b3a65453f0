/**
 * Fairness. Each waiting task has a round: a repository's first waiting task stands in the round that is being served,
 * each further one a round later. Queues are served by round, and within one by age, so that repositories take turns,
 * one task each, however many one of them has waiting. A point of priority lets a task go before that many rounds; since
 * it is a number of turns and not a separate queue, no stream of important tasks keeps the others waiting for ever.
 */
export const ROUNDS_PER_PRIORITY = 1_000;

/** Priorities beyond these bounds count as the bound. */
export const MAX_PRIORITY = 100;

export function clampPriority(priority: number): number {
  return Math.max(-MAX_PRIORITY, Math.min(MAX_PRIORITY, Math.trunc(priority) || 0));
}

/**
 * The round of a task that begins to wait. `served` is the round of the task that was placed last in its queue, `last`
 * the latest in which a task of its repository with at least its priority waits already.
 */
export function nextRound(served: number, last: number | undefined): number {
  return Math.max(served, last ?? 0) + 1;
}

/** By what queues are sorted: the lowest goes first, of equal ones the oldest. */
export function turnOf(round: number, priority: number): number {
  return round - clampPriority(priority) * ROUNDS_PER_PRIORITY;
}
