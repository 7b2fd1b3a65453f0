import { backoffMs } from '../../../lib/backoff.ts';
import type { RetryDeps } from '../../retry.ts';
import { broken, mayPass, refused, TransferFailure } from './transfer-failure.ts';
import { Watchdog } from './watchdog.ts';

/** An entry on its way. */
export interface Download {
  /** Bytes of the whole, where the store says so. */
  readonly sizeBytes: number | undefined;
  /** Rejects with a `TransferFailure` when the rest cannot be had. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Attempts for the beginning, and for going on after each break without progress. */
const ATTEMPTS = 4;
const BACKOFF = { firstMs: 250, maxMs: 4_000 };

interface Answer {
  readonly response: Response;
  readonly dog: Watchdog;
}

/** One GET, from byte `from` on. Throws `TransferFailure` when no answer comes. */
async function ask(
  url: string,
  headers: Record<string, string>,
  deps: RetryDeps,
  signal: AbortSignal,
): Promise<Answer> {
  const dog = new Watchdog(deps.clock);
  try {
    const response = await fetch(url, {
      headers: { 'accept-encoding': 'identity', ...headers },
      decompress: false,
      signal: AbortSignal.any([signal, dog.signal]),
    });
    dog.moved();
    return { response, dog };
  } catch (error) {
    dog.stop();
    signal.throwIfAborted();
    throw broken(dog.reasonOf(error));
  }
}

async function drop({ response, dog }: Answer): Promise<void> {
  dog.stop();
  await response.body?.cancel().catch(() => {}); // broken already
}

async function* bytesOf({ response, dog }: Answer, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response.body ?? []) {
      dog.moved();
      yield chunk;
      dog.moved(); // the time that the reader took is not the line's
    }
  } catch (error) {
    signal.throwIfAborted();
    throw broken(dog.reasonOf(error));
  } finally {
    dog.stop();
  }
}

/** One entry; what arrived is never asked for again where the store can go on from the middle. */
class HttpDownload {
  #received = 0;
  #total: number | undefined;
  #tag: string | null = null;

  constructor(
    private readonly url: string,
    private readonly deps: RetryDeps,
    private readonly signal: AbortSignal,
  ) {}

  async start(): Promise<Download | undefined> {
    for (let attempt = 0; ; attempt += 1) {
      const failure = await this.#try();
      if (!(failure instanceof TransferFailure)) return failure;
      if (attempt + 1 >= ATTEMPTS || !mayPass(failure)) throw failure;
      await this.#pause(attempt);
    }
  }

  async #try(): Promise<Download | TransferFailure | undefined> {
    let answer: Answer;
    try {
      answer = await ask(this.url, {}, this.deps, this.signal);
    } catch (error) {
      if (error instanceof TransferFailure) return error;
      throw error;
    }
    const { response } = answer;
    if (response.status !== 200) {
      await drop(answer);
      return response.status === 404 ? undefined : refused(response.status);
    }
    const length = response.headers.get('content-length');
    this.#total = length === null ? undefined : Number(length);
    this.#tag = response.headers.get('etag');
    return { sizeBytes: this.#total, body: this.#body(answer) };
  }

  async *#body(first: Answer): AsyncGenerator<Uint8Array> {
    let answer: Answer | undefined = first;
    for (let failures = 0; ; ) {
      const before = this.#received;
      try {
        answer ??= await this.#goOn();
        for await (const chunk of bytesOf(answer, this.signal)) {
          this.#received += chunk.length;
          yield chunk;
        }
        if (this.#total === undefined || this.#received === this.#total) return;
        throw new TransferFailure('broken', `only ${this.#received} of ${this.#total} bytes came`);
      } catch (error) {
        if (!(error instanceof TransferFailure) || error.kind === 'refused') throw error;
        failures = this.#received > before ? 1 : failures + 1;
        if (failures >= ATTEMPTS || this.#total === undefined) throw error;
        answer = undefined;
        await this.#pause(failures - 1);
      }
    }
  }

  /** Asks for the rest, which must be of the same entry: a mixture of two would be worse than none. */
  async #goOn(): Promise<Answer> {
    const strong = this.#tag !== null && !this.#tag.startsWith('W/');
    const headers = { range: `bytes=${this.#received}-`, ...(strong ? { 'if-range': this.#tag ?? '' } : {}) };
    const answer = await ask(this.url, headers, this.deps, this.signal);
    const { response } = answer;
    const range = `bytes ${this.#received}-${(this.#total ?? 0) - 1}/${this.#total}`;
    const same = response.headers.get('content-range') === range && response.headers.get('etag') === this.#tag;
    if (response.status === 206 && same) return answer;
    await drop(answer);
    if (response.status >= 500) throw new TransferFailure('broken', `the cache store answered ${response.status}`);
    throw new TransferFailure('refused', `the connection broke after ${this.#received} of ${this.#total} bytes`);
  }

  #pause(attempt: number): Promise<void> {
    return this.deps.clock.sleep(backoffMs(attempt, BACKOFF, this.deps.random), this.signal);
  }
}

/**
 * Fetches an entry by HTTP; undefined when the store has none (404). A transfer that breaks goes on where it stopped.
 * Rejects with a `TransferFailure` when it does not begin, or on abort.
 */
export function downloadHttp(url: string, deps: RetryDeps, signal: AbortSignal): Promise<Download | undefined> {
  return new HttpDownload(url, deps, signal).start();
}
