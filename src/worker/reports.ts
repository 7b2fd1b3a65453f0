import { backoffMs } from '../lib/backoff.ts';
import { describeError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import { RpcError, retryOf } from '../rpc/rpc-error.ts';
import type { TaskKey } from './task-identity.ts';
import type { Upstream } from './upstream.ts';

export interface ReportsDeps {
  readonly upstream: Upstream;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const BACKOFF = { firstMs: 200, maxMs: 10_000 };

/** A start that could not be told for so long is given up: the task fails instead of waiting on. */
const START_FOR_MS = 10 * 60_000;

/** No server still waits for the end of a task after a day. */
const END_FOR_MS = 24 * 3_600_000;

/** Reports under way at a time; the rest wait for their turn. */
const MAX_AT_ONCE = 16;

/** Longest reason that is sent, in characters. */
const MAX_MESSAGE = 16_000;

type Call = (signal: AbortSignal) => Promise<void>;

/**
 * The reports of one upstream about its tasks. Each is repeated until the server has taken it, refuses it for good, or has
 * shown that it no longer knows the task; it outlives broken connections and lost sessions. After it was taken it is
 * never made again.
 */
export class Reports {
  #stamp = 0;
  #lastPollStamp = 0;
  #atOnce = 0;
  #news = Promise.withResolvers<void>();
  readonly #queue: (() => void)[] = [];

  constructor(private readonly deps: ReportsDeps) {}

  /** A poll goes out; pass the result to `pollTaken` when it is answered. */
  pollSent(): number {
    this.#stamp += 1;
    return this.#stamp;
  }

  /** The server answered a poll: it is there, and knows the session. */
  pollTaken(stamp: number): void {
    this.#lastPollStamp = Math.max(this.#lastPollStamp, stamp);
    this.#tellNews();
  }

  /** A new session has begun. */
  registered(): void {
    this.#tellNews();
  }

  #tellNews(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  /** False when the server did not take it; `signal` gives it up. */
  started(task: TaskKey, signal: AbortSignal): Promise<boolean> {
    return this.#deliver(
      'TaskStarted',
      task,
      START_FOR_MS,
      (abort) => this.deps.upstream.taskStarted(task, abort),
      signal,
    );
  }

  async failed(task: TaskKey, message: string, signal: AbortSignal): Promise<void> {
    const cut = message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)}…` : message;
    await this.#deliver(
      'TaskFailed',
      task,
      END_FOR_MS,
      (abort) => this.deps.upstream.taskFailed(task, cut, abort),
      signal,
    );
  }

  async stopped(task: TaskKey, signal: AbortSignal): Promise<void> {
    await this.#deliver(
      'TaskStopped',
      task,
      END_FOR_MS,
      (abort) => this.deps.upstream.taskStopped(task, abort),
      signal,
    );
  }

  async #deliver(what: string, { id }: TaskKey, forMs: number, call: Call, signal: AbortSignal): Promise<boolean> {
    const { clock, log } = this.deps;
    const startedMs = clock.monoMs();
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      await this.#session(signal);
      const stamp = this.#stamp;
      const { session } = this.deps.upstream;
      const error = await this.#try(call, signal);
      if (error === undefined) return true;
      const again = clock.monoMs() - startedMs < forMs && (await this.#goOn(error, attempt, stamp, session, signal));
      const level = again || signal.aborted ? 'debug' : 'warn';
      log[level](`${what} was not taken`, { taskId: id, error: describeError(error), attempt, again });
      if (!again) return false;
    }
    return false;
  }

  /** Whether to try again, after the pause that is due before. */
  async #goOn(error: unknown, attempt: number, stamp: number, session: number, signal: AbortSignal): Promise<boolean> {
    const retry = retryOf(error);
    if (retry === 'never') return false;
    if (retry === 'register-again') return this.#sessionIsNew(stamp, session, signal);
    const pauseMs = backoffMs(attempt, BACKOFF, this.deps.random);
    await this.#pause(Math.min(pauseMs, BACKOFF.firstMs), signal);
    await this.#pause(pauseMs - BACKOFF.firstMs, signal, this.#news.promise); // a server that is back need not be waited for
    return true;
  }

  async #pause(ms: number, signal: AbortSignal, news?: Promise<void>): Promise<void> {
    if (ms <= 0 || signal.aborted) return;
    const timer = Promise.withResolvers<void>();
    const cancel = this.deps.clock.after(ms, timer.resolve);
    await this.#orAbort([timer.promise, ...(news === undefined ? [] : [news])], signal);
    cancel();
  }

  /**
   * A refusal of access: of the session, which the poll loop then renews, or of this very task. It is the task that the
   * server does not know when a poll that was sent later is taken in the same session.
   */
  async #sessionIsNew(stamp: number, session: number, signal: AbortSignal): Promise<boolean> {
    const { upstream } = this.deps;
    while (!signal.aborted) {
      if (upstream.session !== session) return true;
      if (this.#lastPollStamp > stamp) return false;
      await this.#orAbort([this.#news.promise], signal);
    }
    return false;
  }

  /** Waits for a session, while there is none. */
  async #session(signal: AbortSignal): Promise<void> {
    while (!this.deps.upstream.registered && !signal.aborted) await this.#orAbort([this.#news.promise], signal);
  }

  /** Waits for the first of `promises`, or for the abort. */
  async #orAbort(promises: readonly Promise<void>[], signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const aborted = Promise.withResolvers<void>();
    const onAbort = () => aborted.resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    await Promise.race([...promises, aborted.promise]);
    signal.removeEventListener('abort', onAbort);
  }

  /** Makes the call when it is its turn; gives the error, if any. Anything but an `RpcError` is a bug and is thrown. */
  async #try(call: Call, signal: AbortSignal): Promise<RpcError | undefined> {
    if (this.#atOnce >= MAX_AT_ONCE) await new Promise<void>((resolve) => this.#queue.push(resolve));
    else this.#atOnce += 1;
    try {
      await call(signal);
      return undefined;
    } catch (error) {
      if (error instanceof RpcError) return error;
      throw error;
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#atOnce -= 1;
      else next();
    }
  }
}
