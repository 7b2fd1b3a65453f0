import type { Clock } from '../../src/platform/clock.ts';

interface Timer {
  readonly dueMs: number;
  readonly callback: () => void;
}

/** Lets everything that is ready to run do so, promise chains and I/O callbacks of a few rounds included. */
export async function settle(): Promise<void> {
  for (let round = 0; round < 20; round += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A clock that moves only when the test says so. Timers fire in order of their due time. */
export class FakeClock implements Clock {
  #nowMs = 0;
  #wallOffsetMs: number;
  readonly #timers = new Set<Timer>();

  constructor(wallStartMs = Date.UTC(2026, 0, 1)) {
    this.#wallOffsetMs = wallStartMs;
  }

  wallMs = (): number => this.#wallOffsetMs + this.#nowMs;
  monoMs = (): number => this.#nowMs;
  continuousMs = (): number => this.#nowMs;

  /** Moves wall time alone, as an administrator or NTP would. */
  stepWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  after = (ms: number, callback: () => void): (() => void) => {
    const timer = { dueMs: this.#nowMs + Math.max(0, ms), callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  };

  sleep = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const cancel = this.after(ms, resolve);
      signal.addEventListener('abort', () => {
        cancel();
        reject(signal.reason);
      });
    });

  /** Number of timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves time on, firing what comes due on the way, and lets its consequences happen. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      const [next] = [...this.#timers].filter((timer) => timer.dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = next.dueMs;
      next.callback();
      await settle();
    }
    this.#nowMs = endMs;
    await settle();
  }
}
