/** Wakes whoever waits for something to change. A ring that nobody waits for is not kept: look before you wait. */
export class Bell {
  #next = Promise.withResolvers<void>();

  ring(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers<void>();
  }

  /** Resolves at the next ring. */
  heard(): Promise<void> {
    return this.#next.promise;
  }
}
