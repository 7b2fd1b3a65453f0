/** How often something may happen: `burst` times at once, then once every `refillMs`. */
export interface Rate {
  readonly burst: number;
  readonly refillMs: number;
}

/** Most keys that are remembered; the one that was asked for longest ago goes first. */
const MAX_KEYS = 10_000;

/** Token buckets by key. Time is monotonic milliseconds and comes in as a parameter. */
export class RateLimiter {
  readonly #fullAtMs = new Map<string, number>();

  constructor(private readonly rate: Rate) {}

  /** Whether it may happen once more now; if so, it counts. */
  take(key: string, nowMs: number): boolean {
    const { burst, refillMs } = this.rate;
    const fullAtMs = Math.max(nowMs, this.#fullAtMs.get(key) ?? nowMs) + refillMs;
    if (fullAtMs - nowMs > burst * refillMs) return false;
    this.#fullAtMs.delete(key); // a key that is set again goes to the end of the map
    this.#fullAtMs.set(key, fullAtMs);
    const [oldest] = this.#fullAtMs.keys();
    if (this.#fullAtMs.size > MAX_KEYS && oldest !== undefined) this.#fullAtMs.delete(oldest);
    return true;
  }
}
