import { backoffMs } from '../../lib/backoff.ts';
import type { Logger } from '../../lib/log.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import { HUB_BACKOFF, isTemporary, type RetryDeps } from '../retry.ts';
import type { LogUpload } from '../task-api.ts';
import { within } from '../within.ts';
import type { Bell } from './bell.ts';
import type { Spool } from './spool.ts';

/** Largest piece of a log in one message; existing receivers take at most 4 MiB. */
export const MAX_CHUNK_BYTES = 1 << 20;

/** Output that comes in drops is sent at most this often, so that a line is seen at once and a flood comes in few messages. */
const MIN_PAUSE_MS = 40;

/** Time for the server to confirm a finished stream. */
const FINISH_MS = 10_000;

/** A log that may still grow. `bell` rings at every change of the two others. */
export interface GrowingLog {
  readonly spool: Spool;
  readonly ended: boolean;
  readonly bell: Bell;
  /** Called whenever some of it was sent. */
  onProgress(): void;
}

/**
 * What may have been on its way when a stream broke, in buffers of both sides: so much is sent again to a server that
 * leaves out what it has.
 */
const RESEND_BYTES = 16 * MAX_CHUNK_BYTES;

type StreamDeps = RetryDeps & { readonly log: Logger; readonly resumable: boolean };
type OpenStream = (offset: number | undefined) => Promise<LogUpload>;

/** The state of one live stream over all its connections. */
class LiveStream {
  #upload: LogUpload | undefined;
  #sentBytes = 0;
  /** Where in the whole log the present stream begins. */
  #from = 0;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  #failures = 0;

  constructor(
    private readonly source: GrowingLog,
    private readonly open: OpenStream,
    private readonly deps: StreamDeps,
  ) {}

  /**
   * Sends until the log has ended and all is sent, or the server is away at its end, or refuses for good. True when a
   * server that leaves out what it has says that it has all.
   */
  async run(): Promise<boolean> {
    for (;;) {
      if (this.#sentBytes < this.source.spool.sizeBytes) {
        if (!(await this.#sendSome())) return false;
      } else if (this.source.ended) {
        return this.#finish();
      } else {
        await this.source.bell.heard();
      }
    }
  }

  async #pauseUnlessEnded(ms: number): Promise<void> {
    const over = Promise.withResolvers<void>();
    const cancel = this.deps.clock.after(ms, over.resolve);
    let isOver = false;
    void over.promise.then(() => {
      isOver = true;
    });
    while (!isOver && !this.source.ended) await Promise.race([over.promise, this.source.bell.heard()]);
    cancel();
  }

  async #sendSome(): Promise<boolean> {
    const pauseMs = this.#sentAtMs + MIN_PAUSE_MS - this.deps.clock.monoMs();
    if (pauseMs > 0) await this.#pauseUnlessEnded(pauseMs);
    const { resumable } = this.deps;
    const chunk = await this.source.spool.read(this.#sentBytes, MAX_CHUNK_BYTES);
    try {
      if (this.#upload === undefined) {
        this.#from = this.#sentBytes;
        this.#upload = await this.open(resumable ? this.#from : undefined);
      }
      await this.#upload.write({ value: { case: 'chunk', value: { data: chunk } } });
    } catch (error) {
      return this.#failed(error);
    }
    this.#sentBytes += chunk.length;
    this.source.onProgress();
    this.#sentAtMs = this.deps.clock.monoMs();
    this.#failures = 0;
    return true;
  }

  /** Whether to go on. The chunk that failed is sent again on the next stream, and what may have been lost before it. */
  async #failed(error: unknown): Promise<boolean> {
    if (!(error instanceof RpcError)) throw error;
    this.#upload = undefined;
    if (this.deps.resumable) this.#sentBytes = Math.max(0, this.#sentBytes - RESEND_BYTES);
    this.deps.log.debug('live log interrupted', { errorCode: error.status, reason: error.message });
    if (!isTemporary(error)) return false;
    await this.#pauseUnlessEnded(backoffMs(this.#failures, HUB_BACKOFF, this.deps.random));
    this.#failures += 1;
    return !this.source.ended; // the final copy brings what is missing
  }

  async #finish(): Promise<boolean> {
    if (this.#upload === undefined) return false;
    let confirmed = -1;
    const answered = this.#upload.finish().then(
      ({ bytesLogged }) => {
        confirmed = Number(bytesLogged);
      },
      (error: unknown) => {
        this.deps.log.debug('live log was not confirmed', { reason: String(error) }); // the final copy follows
      },
    );
    await within(answered, FINISH_MS, this.deps.clock);
    return this.deps.resumable && this.#from + confirmed === this.source.spool.sizeBytes;
  }
}

/**
 * Sends a log while it is written. A broken stream is opened anew and resumed where it broke; the script does not
 * notice. Resolves when the log has ended and nothing more can be done for the live view: with true when the server has
 * confirmed all of it, else `saveLog` has to deliver the authoritative copy. Rejects only for a bug or an unreadable spool.
 */
export function streamLog(source: GrowingLog, open: OpenStream, deps: StreamDeps): Promise<boolean> {
  return new LiveStream(source, open, deps).run();
}

/** Sends a whole log as its final copy. Rejects with an `RpcError`. */
export async function saveLog(spool: Spool, open: () => Promise<LogUpload>): Promise<void> {
  const upload = await open();
  for (let offset = 0; offset < spool.sizeBytes; ) {
    const data = await spool.read(offset, MAX_CHUNK_BYTES);
    await upload.write({ value: { case: 'chunk', value: { data } } });
    offset += data.length;
  }
  await upload.finish();
}
