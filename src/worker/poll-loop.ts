import { backoffMs } from '../lib/backoff.ts';
import { describeError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import type { PollResponse } from '../rpc/gen/cirrus_ci_service_pb.ts';
import { retryOf } from '../rpc/rpc-error.ts';
import type { WorkerLink } from './link.ts';
import type { Upstream } from './upstream.ts';

export interface LoopDeps {
  readonly upstream: Upstream;
  readonly link: WorkerLink;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** What the worker holds now; read anew for each poll. */
  readonly snapshot: () => {
    readonly running: readonly string[];
    readonly resourcesInUse: Readonly<Record<string, number>>;
    readonly ended: number;
  };
  /** Starts and cancels what the answer says. */
  readonly apply: (response: PollResponse) => void;
  /** Whether the worker shall take no new tasks. */
  readonly wantsPause: () => boolean;
}

/** While the server is away, and while it refuses us: a wrong token is not mended within seconds. */
const AWAY_BACKOFF = { firstMs: 250, maxMs: 10_000 };
const REFUSED_BACKOFF = { firstMs: 1_000, maxMs: 5 * 60_000 };

/** Interval before the first answer; specification of the worker, section 5.2. */
const FIRST_INTERVAL_MS = 10_000;

/** The server's interval, if it is one that the protocol allows (1 to 3600 s). */
export function takeInterval(currentMs: number, seconds: number): number {
  return seconds >= 1 && seconds <= 3600 ? seconds * 1_000 : currentMs;
}

/**
 * How long to wait after a poll, in milliseconds. The interval counts from the poll's start, so one that the server
 * held for longer is followed at once, and so is one whose picture of the worker is out of date.
 */
export function pauseAfterPoll(poll: { tookMs: number; intervalMs: number; outdated: boolean }): number {
  return poll.outdated ? 0 : Math.max(0, poll.intervalMs - poll.tookMs);
}

/** Polls one server until it asks for shutdown (resolves) or `signal` aborts (resolves too). Wakes early on `wake`. */
export class PollLoop {
  #intervalMs = FIRST_INTERVAL_MS;
  #failures = 0;
  #refusals = 0;
  #pauseSent = false;
  #waker = new AbortController();

  constructor(private readonly deps: LoopDeps) {}

  /** Cuts the present pause short: a task has ended, or intake has changed. */
  wake(): void {
    this.#waker.abort();
    this.#waker = new AbortController();
  }

  /** Tells the server at once that intake has changed, beside a poll that it may be holding; the next turn repeats it if need be. */
  intakeChanged(signal: AbortSignal): void {
    if (!this.deps.upstream.registered) return;
    this.#announcePause(signal).catch((error: unknown) => {
      this.deps.log.debug('pause could not be told yet', { error: describeError(error) });
    });
  }

  async run(signal: AbortSignal): Promise<'server-shutdown' | 'stopped'> {
    while (!signal.aborted) {
      let pauseMs: number;
      try {
        const turn = await this.#turn(signal);
        if (turn === 'shutdown') return 'server-shutdown';
        pauseMs = turn;
      } catch (error) {
        if (signal.aborted) break;
        pauseMs = this.#afterFailure(error);
      }
      this.deps.link.progress();
      const either = AbortSignal.any([signal, this.#waker.signal]);
      if (pauseMs > 0) await this.deps.clock.sleep(pauseMs, either).catch(() => {}); // woken early: go on
    }
    return 'stopped';
  }

  async #turn(signal: AbortSignal): Promise<number | 'shutdown'> {
    const { upstream, link, clock, log } = this.deps;
    if (!upstream.registered) {
      await upstream.register(signal);
      this.#pauseSent = false;
      log.info('registered');
      link.registered();
    }
    await this.#announcePause(signal);
    const before = this.deps.snapshot();
    const startedMs = clock.monoMs();
    const response = await upstream.poll(before.running, before.resourcesInUse, signal);
    this.#recovered();
    this.#intervalMs = takeInterval(this.#intervalMs, response.pollIntervalInSeconds);
    this.deps.apply(response);
    if (response.shutdown) return 'shutdown';
    const told = response.tasksToStart.length + response.tasksToStop.length + response.oldTaskIdsToStop.length > 0;
    const outdated = told || this.deps.snapshot().ended !== before.ended || this.deps.wantsPause() !== this.#pauseSent;
    return pauseAfterPoll({ tookMs: clock.monoMs() - startedMs, intervalMs: this.#intervalMs, outdated });
  }

  async #announcePause(signal: AbortSignal): Promise<void> {
    const wanted = this.deps.wantsPause();
    if (wanted === this.#pauseSent) return;
    await this.deps.upstream.setDisabled(wanted, signal);
    this.#pauseSent = wanted;
  }

  #recovered(): void {
    if (this.#failures + this.#refusals > 0) {
      this.deps.log.info('server answers again');
      this.deps.link.trouble(null);
    }
    this.#failures = 0;
    this.#refusals = 0;
  }

  #afterFailure(error: unknown): number {
    const { upstream, link, log, random } = this.deps;
    const message = describeError(error);
    if (retryOf(error) !== 'register-again') {
      const pauseMs = backoffMs(this.#failures, AWAY_BACKOFF, random);
      this.#failures += 1;
      const level = this.#failures === 1 ? 'warn' : 'debug'; // one line when it goes away, one when it is back
      log[level]('server does not answer, trying again', { error: message, pauseMs });
      if (this.#failures === 3) link.trouble(`the hub does not answer: ${message}`);
      return pauseMs;
    }
    if (upstream.registered) {
      log.warn('session is over, registering again', { error: message });
      upstream.forget();
      return backoffMs(0, AWAY_BACKOFF, random);
    }
    const pauseMs = backoffMs(this.#refusals, REFUSED_BACKOFF, random);
    this.#refusals += 1;
    log.error('server refuses this worker, trying again', { error: message, pauseMs });
    link.trouble(`the hub refuses this worker: ${message}`);
    return pauseMs;
  }
}
