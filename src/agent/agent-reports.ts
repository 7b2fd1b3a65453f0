import { AppError, describeError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { RpcError } from '../rpc/rpc-error.ts';
import { HUB_BACKOFF, type RetryDeps, retrying } from './retry.ts';
import { signalText } from './signal-text.ts';
import type { TaskApi } from './task-api.ts';

type ReportDeps = RetryDeps & { readonly log: Logger };

/** Signals are told at most this often; a fact of the protocol. */
const SIGNAL_PAUSE_MS = 1_000;

/** As many different problems are told; a fault that repeats itself must not flood the server. */
const MAX_PROBLEMS = 100;

/** What the agent tells about itself, each again and again while the server is away, until `giveUp`. */
export class AgentReports {
  readonly #ended = new AbortController();
  readonly #pending = new Set<Promise<unknown>>();
  readonly #told = new Set<string>();
  #signalAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly api: TaskApi,
    private readonly deps: ReportDeps,
  ) {}

  /** Aborts when nothing more is delivered. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  giveUp(): void {
    this.#ended.abort();
  }

  /** An error of the task's surroundings, or a bug of ours with its stack (ReportAgentError). */
  error(error: unknown): void {
    const message = describeError(error);
    const stack = error instanceof Error && !(error instanceof AppError) ? (error.stack ?? '') : '';
    this.deps.log.error('agent error', { reason: message, stack });
    this.#tell(`error ${message}`, () => this.api.reportError(message, stack, this.signal));
  }

  warning(message: string): void {
    this.deps.log.warn(message);
    this.#tell(`warning ${message}`, () => this.api.reportWarning(message, this.signal));
  }

  /** A signal that this process got, `SIGTERM` for example. */
  signalled(name: string): void {
    this.deps.log.warn('signal', { signal: name });
    const nowMs = this.deps.clock.monoMs();
    if (nowMs - this.#signalAtMs < SIGNAL_PAUSE_MS) return;
    this.#signalAtMs = nowMs;
    this.#follow(this.deliver(() => this.api.reportSignal(signalText(name), this.signal)));
  }

  #tell(what: string, call: () => Promise<void>): void {
    if (this.#told.has(what) || this.#told.size >= MAX_PROBLEMS) return;
    this.#told.add(what);
    this.#follow(this.deliver(call));
  }

  #follow(report: Promise<unknown>): void {
    const done = report.finally(() => this.#pending.delete(done));
    this.#pending.add(done);
  }

  /** Waits until all that was told is delivered or given up. */
  async settle(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  /** Delivers one report. Resolves with what went wrong in the end, or null. */
  async deliver(call: () => Promise<void>): Promise<string | null> {
    try {
      await retrying(call, HUB_BACKOFF, this.deps, this.signal);
      return null;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      if (error.status === 'UNIMPLEMENTED') return null; // a small server, which does not want to know
      return `${error.message} (${error.status})`;
    }
  }
}
