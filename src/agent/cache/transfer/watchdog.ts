import type { Clock } from '../../../platform/clock.ts';
import { stalled } from './transfer-failure.ts';

/** Time without a single byte after which a transfer is given up: large caches may take hours, silence may not. */
export const STALL_MS = 30_000;

/** Aborts its signal when nothing has moved for `STALL_MS`. */
export class Watchdog {
  readonly #controller = new AbortController();
  #cancel = () => {};

  constructor(private readonly clock: Clock) {
    this.moved();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something has moved. */
  moved(): void {
    this.#cancel();
    this.#cancel = this.clock.after(STALL_MS, () => this.#controller.abort(stalled(STALL_MS)));
  }

  stop(): void {
    this.#cancel();
  }

  /** What the transfer failed of: the silence, if it was that, else `error`. */
  reasonOf(error: unknown): unknown {
    return this.#controller.signal.aborted ? this.#controller.signal.reason : error;
  }
}
