import { type Amounts, addAmounts } from '../lib/amounts.ts';

interface Entry {
  readonly id: string;
  readonly startedAtMs: number;
  readonly resources: Amounts;
  readonly controller: AbortController;
}

/** Why a task was cancelled; the reason of its `AbortSignal`. */
export type CancelReason = 'server' | 'worker-stops';

/**
 * The tasks that run now. An entry lives exactly as long as the promise of its run: whatever way a run ends, its
 * resources are free and `ended` has risen before anybody is told.
 */
export class RunningTasks {
  readonly #entries = new Map<string, Entry>();
  #ended = 0;

  /** `onChange` hears of every start and end. */
  constructor(private readonly onChange: () => void) {}

  /** Runs a task. False, and nothing is run, when one of that id runs already. `run` must not reject. */
  start(id: string, resources: Amounts, nowMs: number, run: (signal: AbortSignal) => Promise<void>): boolean {
    if (this.#entries.has(id)) return false;
    const controller = new AbortController();
    this.#entries.set(id, { id, startedAtMs: nowMs, resources, controller });
    this.onChange();
    void run(controller.signal).finally(() => {
      this.#entries.delete(id);
      this.#ended += 1;
      this.onChange();
    });
    return true;
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

  /** How many tasks have ended so far: a poll whose number is out of date is repeated at once. */
  get ended(): number {
    return this.#ended;
  }

  get resourcesInUse(): Amounts {
    return [...this.#entries.values()].reduce<Amounts>((sum, { resources }) => addAmounts(sum, resources), {});
  }
}
