import { type BackoffPolicy, backoffMs } from '../lib/backoff.ts';
import type { Random } from '../platform/random.ts';
import type { Retry } from '../rpc/rpc-error.ts';

/** Interval before the first answer; specification of the worker, section 5.2. */
export const FIRST_INTERVAL_MS = 10_000;

/** Between polls that follow each other at once: a server that answers nonsense without pause must not spin the worker. */
const MIN_PAUSE_MS = 10;

/** While the server is away, while it forgets us, and while it refuses us: a wrong token is not mended within seconds. */
const AWAY: BackoffPolicy = { firstMs: 250, maxMs: 10_000 };
const LOST: BackoffPolicy = { firstMs: 250, maxMs: 5 * 60_000 };
const REFUSED: BackoffPolicy = { firstMs: 1_000, maxMs: 5 * 60_000 };

/** A server that takes the registration and not the session that it gave, so many times in a row, refuses. */
const LOSSES_ARE_REFUSAL = 4;

/** The server's interval, if it is one that the protocol allows (1 to 3600 s). */
export function takeInterval(currentMs: number, seconds: number): number {
  return seconds >= 1 && seconds <= 3600 ? seconds * 1_000 : currentMs;
}

/**
 * How long to wait after a poll, in milliseconds. The interval counts from the poll's start and is an upper bound, of which
 * up to a tenth is left out by chance, so that fleets do not poll in step. A poll that the server held for longer is
 * followed at once, and so is one whose picture of the worker is out of date.
 */
export function pauseAfterPoll(
  poll: { readonly tookMs: number; readonly intervalMs: number; readonly outdated: boolean },
  random: Random,
): number {
  if (poll.outdated || poll.tookMs >= poll.intervalMs) return Math.max(0, MIN_PAUSE_MS - poll.tookMs);
  return Math.max(MIN_PAUSE_MS, poll.intervalMs * (0.9 + 0.1 * random()) - poll.tookMs);
}

/** What has gone wrong in a row, since the last poll that succeeded. */
export interface Failures {
  readonly away: number;
  readonly lost: number;
  readonly refused: number;
}

export const NO_FAILURES: Failures = { away: 0, lost: 0, refused: 0 };

export interface AfterFailure {
  readonly failures: Failures;
  readonly pauseMs: number;
  /** `lost`: the server has forgotten the session, and it is to be renewed. */
  readonly verdict: 'away' | 'lost' | 'refused';
}

/** What a failed call means: `retry` is what its status says, `registered` whether it was made within a session. */
export function afterFailure(
  before: Failures,
  failure: { readonly retry: Retry; readonly registered: boolean },
  random: Random,
): AfterFailure {
  const { away, lost, refused } = before;
  if (failure.retry === 'backoff') {
    return { failures: { ...before, away: away + 1 }, pauseMs: backoffMs(away, AWAY, random), verdict: 'away' };
  }
  if (failure.retry === 'register-again' && failure.registered) {
    const failures = { ...before, lost: lost + 1 };
    const verdict = failures.lost >= LOSSES_ARE_REFUSAL ? 'refused' : 'lost';
    return { failures, pauseMs: backoffMs(lost, LOST, random), verdict };
  }
  const failures = { ...before, refused: refused + 1 };
  return { failures, pauseMs: backoffMs(refused, REFUSED, random), verdict: 'refused' };
}
