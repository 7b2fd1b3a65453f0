import type { SQL } from 'bun';
import { type Bus, Listeners, type News } from './bus.ts';

const CHANNEL = 'pwagent_hub';

/** PostgreSQL takes payloads below 8000 bytes; a piece of news is at most about 50. */
const MAX_NEWS_PER_PAYLOAD = 100;

type Payload = readonly [sender: string, news: readonly News[]];

/** The same news within one turn is sent once. */
const keyOf = (news: News) => JSON.stringify(news);

function parse(text: string): Payload | undefined {
  try {
    const payload: unknown = JSON.parse(text);
    return Array.isArray(payload) && Array.isArray(payload[1]) ? (payload as unknown as Payload) : undefined;
  } catch {
    return undefined; // somebody else's notification on our channel
  }
}

/**
 * News over LISTEN/NOTIFY. What a turn of the event loop publishes goes out as one notification; what cannot be sent,
 * since the database is away, is made up for by `resync` when the listener is connected again, at every hub.
 * `sender` names this hub, which hears its own news at once and not again.
 */
export async function postgresBus(client: SQL, sender: string): Promise<Bus> {
  const listeners = new Listeners();
  const outbox = new Map<string, News>();
  let [scheduled, closed, connected] = [false, false, false];

  const flush = async () => {
    scheduled = false;
    const all = [...outbox.values()];
    outbox.clear();
    for (let start = 0; start < all.length && !closed; start += MAX_NEWS_PER_PAYLOAD) {
      const payload: Payload = [sender, all.slice(start, start + MAX_NEWS_PER_PAYLOAD)];
      await client.notify(CHANNEL, JSON.stringify(payload));
    }
  };

  const subscription = await client.listen(
    CHANNEL,
    (text) => {
      const payload = parse(text);
      if (payload === undefined || payload[0] === sender) return;
      for (const news of payload[1]) listeners.tell(news);
    },
    () => {
      if (connected) listeners.tell({ kind: 'resync' });
      connected = true;
    },
  );

  return {
    publish(news) {
      listeners.tell(news);
      outbox.set(keyOf(news), news);
      if (scheduled || closed) return;
      scheduled = true;
      setImmediate(() => void flush().catch(() => {})); // the other hubs hear `resync` when they are connected again
    },
    subscribe: (onNews, signal) => listeners.add(onNews, signal),
    async close() {
      closed = true;
      await subscription.unlisten();
    },
  };
}
