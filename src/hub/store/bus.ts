/** What one hub tells all hubs on the same database, itself included, after the change was stored. */
export type News =
  /** Something stored of that build, its tasks or logs has changed: who watches it looks again. */
  | { readonly kind: 'build'; readonly buildId: number }
  /** Something outside builds has changed, such as a worker. */
  | { readonly kind: 'fleet' }
  /** The held poll of that worker, at whichever hub it is, is to be answered from what is stored. */
  | { readonly kind: 'wake'; readonly workerId: number }
  /** A queue, by the class of its tasks, has a task more. */
  | { readonly kind: 'queued'; readonly classId: string }
  /** News may have been missed: everything may have changed. Nobody publishes it. */
  | { readonly kind: 'resync' };

/**
 * News between the hubs that serve behind one address. They are hints and no more: each says only that something is
 * worth a look, what is true is in the store, and whoever depends on them looks from time to time all the same. So a
 * state that another hub has to act upon is stored before it is told.
 */
export interface Bus {
  /** Tells all hubs; this one at once. Never throws and never waits. */
  publish(news: News): void;
  /** Calls back for each of them until `signal` aborts. */
  subscribe(onNews: (news: News) => void, signal: AbortSignal): void;
  /** Ends what connects it to the other hubs. */
  close(): Promise<void>;
}

/** Calls back those who listen in this process. */
export class Listeners {
  readonly #all = new Set<(news: News) => void>();

  add(onNews: (news: News) => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#all.add(onNews);
    signal.addEventListener('abort', () => this.#all.delete(onNews), { once: true });
  }

  tell(news: News): void {
    for (const onNews of [...this.#all]) onNews(news);
  }
}

/** The bus of a hub that is alone on its database, as on SQLite it always is. */
export function localBus(): Bus {
  const listeners = new Listeners();
  return {
    publish: (news) => listeners.tell(news),
    subscribe: (onNews, signal) => listeners.add(onNews, signal),
    close: async () => {},
  };
}
