import { parseEventStream, type StreamEvent } from '../../lib/event-stream.ts';

const TOKEN_KEY = 'pwagent-token';
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 10_000;

/** Where the page stands with the hub. */
export type Connection =
  | { readonly state: 'connecting' | 'live' | 'away' }
  | { readonly state: 'locked' | 'refused'; readonly message: string };

/** The token lives as long as the browser's tab. */
export function saveToken(token: string): void {
  sessionStorage.setItem(TOKEN_KEY, token);
}

function headers(): Record<string, string> {
  const token = sessionStorage.getItem(TOKEN_KEY);
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

/** A GET of the hub's interface. */
export function get(path: string, signal?: AbortSignal): Promise<Response> {
  return fetch(path, { headers: headers(), cache: 'no-store', ...(signal === undefined ? {} : { signal }) });
}

async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader(); // not every browser can iterate a stream
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    reader.releaseLock();
  }
}

async function messageOf(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => undefined);
  const error = (body as { error?: { message?: string } } | undefined)?.error;
  return error?.message ?? `the hub answered ${response.status}`;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

export interface FollowHandlers {
  /** Address of the stream, asked for before each attempt. */
  readonly path: () => string;
  readonly onEvent: (event: StreamEvent) => void;
  readonly onConnection: (connection: Connection) => void;
}

type Attempt = 'ended' | 'lost' | 'refused';

async function attempt({ path, onEvent, onConnection }: FollowHandlers, signal: AbortSignal): Promise<Attempt> {
  const response = await get(path(), signal);
  if (!response.ok || response.body === null) {
    if (response.status >= 500) return 'lost';
    onConnection({ state: response.status === 401 ? 'locked' : 'refused', message: await messageOf(response) });
    return 'refused';
  }
  onConnection({ state: 'live' });
  for await (const event of parseEventStream(chunksOf(response.body))) {
    if (event.event === 'end') return 'ended';
    if (event.event !== '') onEvent(event);
  }
  return 'lost';
}

/** Follows an event stream until it ends, is refused, or `signal` aborts; comes back by itself when the hub was away. */
export async function follow(handlers: FollowHandlers, signal: AbortSignal): Promise<void> {
  let retryMs = FIRST_RETRY_MS;
  while (!signal.aborted) {
    const live = () => {
      retryMs = FIRST_RETRY_MS;
    };
    const onEvent = (event: StreamEvent) => {
      live();
      handlers.onEvent(event);
    };
    const outcome = await attempt({ ...handlers, onEvent }, signal).catch((): Attempt => 'lost'); // network gone
    if (signal.aborted || outcome !== 'lost') return;
    handlers.onConnection({ state: 'away' });
    await pause(retryMs, signal);
    retryMs = Math.min(MAX_RETRY_MS, retryMs * 2);
  }
}
