import type { Logger } from '../lib/log.ts';
import { RpcError } from '../rpc/rpc-error.ts';
import { HUB_BACKOFF, type RetryDeps, retrying } from './retry.ts';
import type { CommandUpdate, TaskApi } from './task-api.ts';

/**
 * Tells the server what became of the commands. Updates queue up and leave together; what could not be delivered stays
 * queued, while the task goes on. One flush is under way at a time.
 */
export class CommandReporter {
  readonly #queue: CommandUpdate[] = [];
  readonly #history: CommandUpdate[] = [];
  #flushing: Promise<void> | undefined;

  /** `signal` ends all attempts. */
  constructor(
    private readonly api: TaskApi,
    private readonly deps: RetryDeps & { readonly log: Logger },
    private readonly signal: AbortSignal,
  ) {}

  /** Queues an update for the next flush. */
  push(update: CommandUpdate): void {
    this.#queue.push(update);
    this.#history.push(update);
  }

  /** All updates since the start, for the final report. */
  get history(): readonly CommandUpdate[] {
    return this.#history;
  }

  /** Sends what is queued, again and again while the server is away. Resolves when nothing is left to send, never rejects. */
  flush(): Promise<void> {
    this.#flushing ??= this.#send().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  async #send(): Promise<void> {
    while (this.#queue.length > 0 && !this.signal.aborted) {
      try {
        const sent = await retrying(
          async () => {
            const batch = [...this.#queue];
            await this.api.reportUpdates(batch, this.signal);
            return batch.length;
          },
          HUB_BACKOFF,
          this.deps,
          this.signal,
        );
        this.#queue.splice(0, sent);
      } catch (error) {
        if (!(error instanceof RpcError)) throw error;
        this.deps.log.warn('command updates were not taken', { errorCode: error.status, reason: error.message });
        this.#queue.length = 0; // the final report repeats the whole history
      }
    }
  }
}
