/**
 * Gives out ids: decimal, below 2^53, rising, and starting from the time of day, so that two hubs that serve one
 * worker hardly ever give out the same (workers keep one list of tasks for all of their hubs).
 */
export class IdSource {
  #last: number;

  constructor(
    largestStored: number,
    private readonly wallMs: () => number,
    private readonly random: () => number,
  ) {
    this.#last = largestStored;
  }

  next(): number {
    const fresh = Math.floor(this.wallMs()) * 1_000 + Math.floor(this.random() * 1_000);
    this.#last = Math.max(this.#last + 1, fresh);
    return this.#last;
  }
}

/** An id as it comes from outside: anything but a decimal number below 2^53 names nothing, which is -1. */
export function idOf(text: string): number {
  return /^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : -1;
}
