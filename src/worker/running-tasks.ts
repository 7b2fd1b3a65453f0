interface Entry {
  readonly id: string;
  readonly startedAtMs: number;
  readonly controller: AbortController;
}

/** Why a task was cancelled; the reason of its `AbortSignal`. */
export type CancelReason = 'server' | 'worker-stops';

/**
 * The tasks of one upstream that are not over yet, by id: two servers may give the same id to different tasks. An entry
 * lives exactly as long as the promise of its run, so that no way out of a run can forget it.
 */
export class RunningTasks {
  readonly #entries = new Map<string, Entry>();

  /** `onChange` hears of every start and end. */
  constructor(private readonly onChange: () => void) {}

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  /** Runs a task whose id is not in use. `run` must not reject. */
  start(id: string, nowMs: number, run: (signal: AbortSignal) => Promise<void>): void {
    const controller = new AbortController();
    this.#entries.set(id, { id, startedAtMs: nowMs, controller });
    this.onChange();
    void run(controller.signal).finally(() => {
      this.#entries.delete(id);
      this.onChange();
    });
  }

  /** Cancels a task; one that does not run is no error. The first reason counts. */
  cancel(id: string, reason: CancelReason): void {
    this.#entries.get(id)?.controller.abort(reason);
  }

  cancelAll(reason: CancelReason): void {
    for (const id of this.ids) this.cancel(id, reason);
  }

  get ids(): string[] {
    return [...this.#entries.keys()];
  }

  /** Ids with the wall time of their start, for people. */
  get list(): { id: string; startedAtMs: number }[] {
    return [...this.#entries.values()].map(({ id, startedAtMs }) => ({ id, startedAtMs }));
  }
}
