interface Listener {
  readonly buildId: number | undefined;
  readonly onChange: () => void;
  scheduled: boolean;
}

/** Tells listeners that something stored has changed; many changes in one turn of the event loop are told once. */
export class Changes {
  readonly #listeners = new Set<Listener>();

  watch(buildId: number | undefined, onChange: () => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    const listener: Listener = { buildId, onChange, scheduled: false };
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => this.#listeners.delete(listener), { once: true });
  }

  /** `buildId` undefined means something outside builds, such as a worker. */
  notify(buildId?: number): void {
    for (const listener of this.#listeners) {
      const concerns = listener.buildId === undefined || listener.buildId === buildId;
      if (!concerns || listener.scheduled) continue;
      listener.scheduled = true;
      setImmediate(() => {
        listener.scheduled = false;
        if (this.#listeners.has(listener)) listener.onChange();
      });
    }
  }
}
