import { backoffMs } from '../../../lib/backoff.ts';
import { streamOf } from '../../../lib/byte-stream.ts';
import type { RetryDeps } from '../../retry.ts';
import type { UploadTarget } from '../cache-api.ts';
import { broken, mayPass, refused, type TransferFailure } from './transfer-failure.ts';
import { Watchdog } from './watchdog.ts';

const ATTEMPTS = 4;
const BACKOFF = { firstMs: 250, maxMs: 4_000 };

/** What is uploaded, again from its beginning for each attempt. */
export interface UploadBody {
  readonly sizeBytes: number;
  open(): AsyncIterable<Uint8Array>;
}

/** Pieces that the line takes one at a time, so that progress can be seen. */
const PIECE_BYTES = 256 * 1024;

export function bodyOf(bytes: Uint8Array): UploadBody {
  return {
    sizeBytes: bytes.length,
    async *open() {
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
    },
  };
}

async function* watched(body: UploadBody, dog: Watchdog): AsyncGenerator<Uint8Array> {
  for await (const piece of body.open()) {
    dog.moved();
    yield piece;
  }
  dog.moved();
}

/** One PUT. Gives the entity tag of what was stored. */
async function put(
  { url, headers }: UploadTarget,
  body: UploadBody,
  { clock }: RetryDeps,
  signal: AbortSignal,
): Promise<{ readonly failure?: TransferFailure; readonly etag: string }> {
  const dog = new Watchdog(clock);
  try {
    const response = await fetch(url, {
      method: 'PUT',
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(body.sizeBytes),
        ...headers,
      },
      body: body.sizeBytes === 0 ? '' : streamOf(watched(body, dog)),
      signal: AbortSignal.any([signal, dog.signal]),
    });
    await response.body?.cancel();
    const { status } = response;
    const etag = response.headers.get('etag') ?? '';
    return status === 200 || status === 201 ? { etag } : { failure: refused(status), etag };
  } catch (error) {
    signal.throwIfAborted();
    return { failure: broken(dog.reasonOf(error)), etag: '' };
  } finally {
    dog.stop();
  }
}

/**
 * Stores a body by HTTP PUT, asking for an address for each attempt, since the old one may have expired. Gives the
 * entity tag. Rejects with a `TransferFailure`, with what `target` throws, or on abort.
 */
export async function uploadHttp(
  target: () => Promise<UploadTarget>,
  body: UploadBody,
  deps: RetryDeps,
  signal: AbortSignal,
): Promise<string> {
  for (let attempt = 0; ; attempt += 1) {
    const { failure, etag } = await put(await target(), body, deps, signal);
    if (failure === undefined) return etag;
    const again = mayPass(failure) || (failure.status === 403 && attempt === 0);
    if (attempt + 1 >= ATTEMPTS || !again) throw failure;
    await deps.clock.sleep(backoffMs(attempt, BACKOFF, deps.random), signal);
  }
}
