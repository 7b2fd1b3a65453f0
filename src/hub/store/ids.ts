/** So many hubs may give out ids for one database at a time. */
export const ID_SLOTS = 16;

/**
 * Gives out ids: decimal, below 2^53, rising, and starting from the time of day, so that two hubs that serve one
 * worker hardly ever give out the same (workers keep one list of tasks for all of their hubs). Hubs on one database
 * never do: each has a slot, the remainder of its ids.
 */
export class IdSource {
  #last: number;
  #slot = 0;

  constructor(
    largestStored: number,
    private readonly wallMs: () => number,
    private readonly random: () => number,
  ) {
    this.#last = largestStored;
  }

  /** From 0 to `ID_SLOTS` - 1. */
  useSlot(slot: number): void {
    this.#slot = slot;
  }

  next(): number {
    const fresh = Math.floor(this.wallMs()) * 1_000 + Math.floor(this.random() * 1_000);
    const least = Math.max(this.#last + 1, fresh);
    this.#last = least + ((ID_SLOTS + this.#slot - (least % ID_SLOTS)) % ID_SLOTS);
    return this.#last;
  }
}

/** An id as it comes from outside: anything but a decimal number below 2^53 names nothing, which is -1. */
export function idOf(text: string): number {
  return /^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : -1;
}
