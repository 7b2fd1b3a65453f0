import { describeError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import type { PollResponse } from '../rpc/gen/cirrus_ci_service_pb.ts';
import { type Retry, RpcError, type RpcStatus, retryOf } from '../rpc/rpc-error.ts';
import { afterFailure, FIRST_INTERVAL_MS, NO_FAILURES, pauseAfterPoll, takeInterval } from './loop-rules.ts';
import type { Reports } from './reports.ts';
import type { PollState, Upstream } from './upstream.ts';

/** What a worker takes: tasks, none for now, or none any more, after which the loop ends with the last task. */
export type Intake = 'open' | 'paused' | 'draining';

export interface LoopDeps {
  readonly upstream: Upstream;
  readonly reports: Reports;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** What the worker holds now; read anew for each poll. `version` rises with each change that the server should know. */
  readonly snapshot: () => PollState & { readonly version: number };
  /** Starts and cancels what the answer says. `late`: the poll went out when no tasks were wanted any more. */
  readonly apply: (response: PollResponse, late: boolean) => void;
  readonly intake: () => Intake;
  /** Last reports of tasks that are on their way; undefined when there are none. */
  readonly settled: () => Promise<unknown> | undefined;
  /** Whether anything runs or waits to be reported. */
  readonly busy: () => boolean;
  readonly onRegistered: () => void;
  readonly onTurn: () => void;
  /** Hears why the upstream cannot be served, and null when that is over. */
  readonly onTrouble: (message: string | null) => void;
  /** Whether a refusal ends the loop instead of being tried again ever less often. */
  readonly exitOnRefusal: boolean;
}

export type LoopEnd = 'shutdown' | 'refused' | 'drained' | 'stopped';

/** So long a poll waits for reports that are on their way, so that it need not name tasks that are over. */
const SETTLE_MS = 20;

/** So long the server has to hear that the worker takes tasks again, or none any more, before the loop ends without. */
const LAST_WORD_MS = 2_000;

/** What says nothing of the server but that it was not reached, or not in time. */
const SILENT: readonly RpcStatus[] = ['UNAVAILABLE', 'DEADLINE_EXCEEDED'];

/** A name that another worker has is given up by people, not by waiting a little. */
const retryHere = (error: RpcError): Retry => (error.status === 'ALREADY_EXISTS' ? 'never' : retryOf(error));

/** Polls one server until it asks for shutdown, or until `signal` aborts, or until a drain has come to its end. */
export class PollLoop {
  #intervalMs = FIRST_INTERVAL_MS;
  #failures = NO_FAILURES;
  #pauseSent = false;
  #pauseRefused = false;
  #shutdown = false;
  #waker = new AbortController();
  /** Aborts when a drain has come to its end, so that a held poll does not keep the worker. */
  readonly #over = new AbortController();

  constructor(private readonly deps: LoopDeps) {}

  /** Cuts the present pause short: a task has ended, or intake has changed. */
  wake(): void {
    this.#waker.abort();
    this.#waker = new AbortController();
    if (this.#drained) this.#over.abort();
  }

  get #drained(): boolean {
    return (this.#shutdown || this.deps.intake() === 'draining') && !this.deps.busy();
  }

  /** Tells the server at once that intake has changed, beside a poll that it may be holding; the next turn repeats it if need be. */
  intakeChanged(signal: AbortSignal): void {
    this.wake();
    if (this.deps.upstream.registered && !this.#drained) void this.#announceIntake(signal);
  }

  async run(signal: AbortSignal): Promise<LoopEnd> {
    const stop = AbortSignal.any([signal, this.#over.signal]);
    while (!stop.aborted && !this.#drained) {
      let pauseMs: number;
      try {
        pauseMs = await this.#turn(stop);
      } catch (error) {
        if (stop.aborted) break;
        if (!(error instanceof RpcError)) throw error;
        const next = this.#afterFailure(error);
        if (next === 'refused') return 'refused';
        pauseMs = next;
      }
      this.deps.onTurn();
      if (!this.#drained) await this.#sleep(pauseMs, stop);
    }
    if (signal.aborted) return 'stopped';
    return this.#shutdown ? 'shutdown' : 'drained';
  }

  /** Last word to the server: whether a worker of this name may get tasks. A pause of our own must not outlive us. */
  async leave(forGood: boolean): Promise<void> {
    if (!this.deps.upstream.registered || this.#pauseSent === forGood || this.#pauseRefused) return;
    const bound = new AbortController();
    const cancel = this.deps.clock.after(LAST_WORD_MS, () => bound.abort());
    await this.#tell(forGood, bound.signal);
    cancel();
  }

  async #sleep(ms: number, stop: AbortSignal): Promise<void> {
    await this.deps.clock.sleep(ms, AbortSignal.any([stop, this.#waker.signal])).catch(() => {}); // woken early: go on
  }

  async #turn(signal: AbortSignal): Promise<number> {
    const { upstream, reports, clock, log, onRegistered } = this.deps;
    if (!upstream.registered) {
      await upstream.register(signal);
      this.#pauseSent = false;
      log.info('registered');
      reports.registered();
      onRegistered();
      if (this.#failures.lost === 0) this.#recovered(); // else it may take registrations and refuse their sessions
    }
    await this.#announceIntake(signal);
    await this.#settle();
    const before = this.deps.snapshot();
    const late = this.deps.intake() === 'draining' || this.#shutdown;
    const stamp = reports.pollSent();
    const startedMs = clock.monoMs();
    const response = await upstream.poll(before, signal);
    reports.pollTaken(stamp);
    this.#recovered();
    this.#intervalMs = takeInterval(this.#intervalMs, response.pollIntervalInSeconds);
    this.deps.apply(response, late);
    this.#takeShutdown(response);
    const outdated = this.deps.snapshot().version !== before.version;
    const poll = { tookMs: clock.monoMs() - startedMs, intervalMs: this.#intervalMs, outdated };
    return pauseAfterPoll(poll, this.deps.random);
  }

  async #settle(): Promise<void> {
    const settled = this.deps.settled();
    if (settled === undefined) return;
    const late = Promise.withResolvers<void>();
    const cancel = this.deps.clock.after(SETTLE_MS, late.resolve);
    await Promise.race([settled, late.promise]);
    cancel();
  }

  #takeShutdown({ shutdown }: PollResponse): void {
    if (!shutdown || this.#shutdown) return;
    this.#shutdown = true;
    this.deps.log.info('the server asks this worker to leave it; what runs for it is finished first');
  }

  async #announceIntake(signal: AbortSignal): Promise<void> {
    const wanted = this.deps.intake() !== 'open';
    if (wanted !== this.#pauseSent && !this.#pauseRefused && !this.#shutdown) await this.#tell(wanted, signal);
  }

  /** A server that does not take it is polled even so: the next turn tells it again. */
  async #tell(disabled: boolean, signal: AbortSignal): Promise<void> {
    try {
      await this.deps.upstream.setDisabled(disabled, signal);
      this.#pauseSent = disabled;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      this.#pauseRefused = retryOf(error) === 'never';
      this.deps.log.debug('pause could not be told', { error: describeError(error), disabled });
    }
  }

  #recovered(): void {
    if (this.#failures === NO_FAILURES) return;
    this.#failures = NO_FAILURES;
    this.deps.log.info('server answers again');
    this.deps.onTrouble(null);
  }

  #afterFailure(error: RpcError): number | 'refused' {
    const { upstream, log, random, onTrouble, exitOnRefusal } = this.deps;
    const message = describeError(error);
    const { registered } = upstream;
    const { failures, pauseMs, verdict } = afterFailure(
      this.#failures,
      { retry: retryHere(error), registered },
      random,
    );
    this.#failures = failures;
    if (verdict === 'away') {
      const level = failures.away === 1 ? 'warn' : 'debug'; // one line when it goes away, one when it is back
      const what = SILENT.includes(error.status) ? 'does not answer' : 'cannot serve this worker now';
      log[level](`server ${what}, trying again`, { error: message, pauseMs });
      if (failures.away === 3) onTrouble(`the hub ${what}: ${message}`);
      return pauseMs;
    }
    upstream.forget();
    if (verdict === 'lost') {
      log.warn('session is over, registering again', { error: message });
      return pauseMs;
    }
    onTrouble(`the hub refuses this worker: ${message}`);
    log.error('server refuses this worker', { error: message, ...(exitOnRefusal ? {} : { pauseMs }) });
    return exitOnRefusal ? 'refused' : pauseMs;
  }
}
