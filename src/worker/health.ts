/** Brings together what hinders the upstreams of one worker. */
export class Health {
  readonly #troubles = new Map<string, string>();

  /** `tell` hears all troubles in one sentence each time they change, and null when there is none. */
  constructor(private readonly tell: (message: string | null) => void) {}

  /** Why that upstream cannot be served; null when it can. */
  set(upstream: string, message: string | null): void {
    if (message === null) this.#troubles.delete(upstream);
    else this.#troubles.set(upstream, message);
    const all = [...this.#troubles.values()];
    this.tell(all.length === 0 ? null : [...new Set(all)].join('; '));
  }
}
