import type { Bus } from './store/bus.ts';

interface Listener {
  readonly buildId: number | undefined;
  readonly onChange: () => void;
  scheduled: boolean;
}

/**
 * Tells listeners that something stored has changed, at this hub or at another one on the same database; many changes in
 * one turn of the event loop are told once.
 */
export class Changes {
  readonly #listeners = new Set<Listener>();

  /** Listens to the bus until `signal` aborts. */
  constructor(
    private readonly bus: Bus,
    signal: AbortSignal,
  ) {
    bus.subscribe((news) => {
      if (news.kind === 'build') this.#tell(news.buildId);
      else if (news.kind === 'fleet') this.#tell();
      else if (news.kind === 'resync') this.#tellAll();
    }, signal);
  }

  watch(buildId: number | undefined, onChange: () => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    const listener: Listener = { buildId, onChange, scheduled: false };
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => this.#listeners.delete(listener), { once: true });
  }

  /** Whoever watches builds looks again: something has changed on which their waiting tasks depend. */
  notifyWatched(): void {
    for (const id of new Set([...this.#listeners].map(({ buildId }) => buildId))) if (id !== undefined) this.notify(id);
  }

  /** `buildId` undefined means something outside builds, such as a worker. */
  notify(buildId?: number): void {
    this.bus.publish(buildId === undefined ? { kind: 'fleet' } : { kind: 'build', buildId });
  }

  #tell(buildId?: number): void {
    for (const listener of this.#listeners) {
      if (listener.buildId === undefined || listener.buildId === buildId) this.#schedule(listener);
    }
  }

  #tellAll(): void {
    for (const listener of this.#listeners) this.#schedule(listener);
  }

  #schedule(listener: Listener): void {
    if (listener.scheduled) return;
    listener.scheduled = true;
    setImmediate(() => {
      listener.scheduled = false;
      if (this.#listeners.has(listener)) listener.onChange();
    });
  }
}
