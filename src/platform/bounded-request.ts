import { formatDuration } from '../lib/duration.ts';
import { parseGmtDate } from '../lib/gmt-date.ts';
import { printable } from '../lib/printable.ts';
import { formatSize } from '../lib/size.ts';
import type { Clock } from './clock.ts';
import { errnoOf } from './files.ts';

export type Fetch = (url: string, init: BunFetchRequestInit) => Promise<Response>;

export interface Failure {
  readonly ok: false;
  /** One clause for people, free of control characters and secrets. */
  readonly problem: string;
}

/** What a service said, or why nothing usable came. `dateMs`: its own clock, from the `Date` header, whole seconds. */
export type Answer<T> = { readonly ok: true; readonly value: T; readonly dateMs: number | undefined } | Failure;

export interface Request {
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Never through a proxy, whatever the environment says. */
  readonly direct: boolean;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Longest body that is read; what goes beyond it is a failure, not a shortened answer. */
const MAX_BODY_BYTES = 64 * 1024;

export function failure(problem: string): Failure {
  return { ok: false, problem: printable(problem, 500) };
}

function isPacked({ headers }: Response): boolean {
  return !['', 'identity'].includes(headers.get('content-encoding') ?? '');
}

async function readBody(response: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) return undefined; // leaving the loop ends the connection
    chunks.push(chunk);
  }
  // A byte order mark stays: text that has one is not the text that has none.
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(chunks));
}

/**
 * One request and its whole answer: no redirect is followed, nothing that was packed is taken, no connection is kept, at
 * most 64 KiB are read. Whatever goes wrong on the way is a `Failure`. The time is bounded by `signal` alone (see `withinTime`).
 */
export async function exchange(request: Request, fetch: Fetch, signal: AbortSignal): Promise<Answer<Reply>> {
  const { method, url, headers, body, direct } = request;
  try {
    const response = await fetch(url, {
      method,
      headers: { 'accept-encoding': 'identity', connection: 'close', ...headers },
      ...(body === undefined ? {} : { body }),
      ...(direct ? { proxy: false } : {}),
      redirect: 'manual',
      decompress: false,
      signal,
    });
    if (isPacked(response)) return failure('the answer is packed, which was not asked for');
    const text = await readBody(response);
    if (text === undefined) return failure(`the answer is larger than ${formatSize(MAX_BODY_BYTES)}`);
    const dateMs = parseGmtDate(response.headers.get('date') ?? '');
    return { ok: true, value: { status: response.status, headers: response.headers, text }, dateMs };
  } catch (error) {
    return failure(`no usable answer (${errnoOf(error) ?? String(error)})`);
  }
}

/**
 * Does `work` with a signal that aborts after `limitMs` and with `signal`. At that moment the answer is a `Failure`, even
 * when the work does not heed its signal. Rejects only when the work does, which is a bug.
 */
export function withinTime<T>(
  limitMs: number,
  clock: Clock,
  work: (signal: AbortSignal) => Promise<Answer<T>>,
  signal: AbortSignal,
): Promise<Answer<T>> {
  if (signal.aborted) return Promise.resolve(failure('cancelled'));
  const bound = new AbortController();
  const { promise, resolve, reject } = Promise.withResolvers<Answer<T>>();
  const cancelTimer = clock.after(limitMs, () => resolve(failure(`no answer within ${formatDuration(limitMs)}`)));
  const onAbort = () => resolve(failure('cancelled'));
  signal.addEventListener('abort', onAbort, { once: true });
  work(bound.signal).then(resolve, reject);
  return promise.finally(() => {
    cancelTimer();
    signal.removeEventListener('abort', onAbort);
    bound.abort();
  });
}
