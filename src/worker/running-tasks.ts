interface Entry {
  readonly id: string;
  readonly startedAtMs: number;
  readonly controller: AbortController;
  /** The last report on its way, once it is; resolves when the entry is gone. */
  ending?: Promise<void>;
}

/** Runs a task, and resolves with how to make its last report. */
export type TaskBody = (signal: AbortSignal) => Promise<() => Promise<void>>;

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

  /** Runs a task whose id is not in use. Neither `run` nor the report may reject. */
  start(id: string, nowMs: number, run: TaskBody): void {
    const entry: Entry = { id, startedAtMs: nowMs, controller: new AbortController() };
    this.#entries.set(id, entry);
    this.onChange();
    const forget = () => {
      this.#entries.delete(id);
      this.onChange();
    };
    const report = (last: () => Promise<void>) => {
      entry.ending = last().finally(forget);
      return entry.ending;
    };
    void run(entry.controller.signal).then(report, (error: unknown) => {
      forget();
      throw error;
    });
  }

  /** Resolves when the last reports that are on their way now have arrived; undefined when there are none. */
  get settled(): Promise<unknown> | undefined {
    const ending = [...this.#entries.values()].flatMap((entry) => entry.ending ?? []);
    return ending.length === 0 ? undefined : Promise.all(ending);
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
