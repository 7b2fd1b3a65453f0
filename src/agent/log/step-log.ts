import { join } from 'node:path';
import type { Logger } from '../../lib/log.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import { Masker } from '../masker.ts';
import { HUB_BACKOFF, type RetryDeps, retrying } from '../retry.ts';
import type { SecretSet } from '../secret-set.ts';
import type { TaskApi } from '../task-api.ts';
import { clockPrefix, timestampFilter } from '../timestamps.ts';
import { within } from '../within.ts';
import { Bell } from './bell.ts';
import { openSpool, type Spool, type SpoolBudget } from './spool.ts';
import { saveLog, streamLog } from './stream-log.ts';

/** Time without progress of the live stream after the end of the log, before the final copy is sent anyway. */
const LIVE_END_MS = 15_000;

export interface StepLogDeps extends RetryDeps {
  readonly api: TaskApi;
  readonly secrets: SecretSet;
  readonly log: Logger;
  /** Private folder for the spool file. */
  readonly temporary: string;
  readonly budget: SpoolBudget;
  /** Takes a copy of what scripts print, secrets hidden, where the task wants one. */
  readonly expose: (text: string) => void;
  /** Ends all attempts to deliver. */
  readonly reporting: AbortSignal;
  /** The server leaves out what it has: a broken stream is sent again from before the break. */
  readonly resumable: boolean;
}

/** How the task wants its logs. */
export interface LogStyle {
  /** The time in front of each line. */
  readonly timestamps: boolean;
  /** A copy on the agent's own output. */
  readonly exposed: boolean;
}

/** The log of one step: hides secrets, keeps a copy on disk, streams it while it grows, and delivers it at the end. */
export class StepLog {
  readonly bell = new Bell();
  readonly #masker: Masker;
  readonly #stamp: (chunk: Uint8Array) => Uint8Array;
  readonly #copy: TextDecoder | undefined;
  readonly #streaming: Promise<boolean>;
  #ended = false;
  #progressAtMs = 0;

  private constructor(
    readonly command: string,
    readonly spool: Spool,
    private readonly deps: StepLogDeps,
    { timestamps, exposed }: LogStyle,
  ) {
    const { api, reporting, secrets, clock } = deps;
    this.#masker = new Masker(secrets);
    const prefix = () => {
      const nowMs = clock.wallMs();
      return clockPrefix(nowMs, -new Date(nowMs).getTimezoneOffset());
    };
    this.#copy = exposed ? new TextDecoder() : undefined;
    this.#stamp = timestamps ? timestampFilter(prefix) : (chunk) => chunk;
    const open = (offset: number | undefined) => api.openLog(command, false, offset, reporting);
    this.#streaming = streamLog(this, open, deps).catch((error: unknown) => {
      deps.log.error('live log failed', { command, reason: String(error) }); // the final copy does not depend on it
      return false;
    });
  }

  /** Opens the log of a command; `number` makes its file name unique. */
  static async open(command: string, number: number, style: LogStyle, deps: StepLogDeps): Promise<StepLog> {
    const spool = await openSpool(join(deps.temporary, `log-${number}`), deps.budget);
    return new StepLog(command, spool, deps, style);
  }

  get ended(): boolean {
    return this.#ended;
  }

  onProgress(): void {
    this.#progressAtMs = this.deps.clock.monoMs();
  }

  /** Takes output of the step. */
  async write(bytes: Uint8Array): Promise<void> {
    const shown = this.#show(this.#masker.push(bytes));
    if (shown.length === 0) return;
    await this.spool.append(shown);
    this.bell.ring();
  }

  /** Writes text of the agent's own, secrets hidden as anywhere, with a newline at its end. */
  async print(text: string): Promise<void> {
    const shown = this.#show(this.#masker.push(new TextEncoder().encode(`${text}\n`)));
    await this.spool.note(shown);
    this.bell.ring();
  }

  #show(masked: Uint8Array): Uint8Array {
    if (this.#copy !== undefined) this.deps.expose(this.#copy.decode(masked, { stream: true }));
    return this.#stamp(masked);
  }

  /** Waits for the live stream as long as it gets on. True when the server has said that it has all. */
  async #isConfirmed(): Promise<boolean> {
    const { clock } = this.deps;
    this.onProgress();
    for (;;) {
      const waitMs = this.#progressAtMs + LIVE_END_MS - clock.monoMs();
      if (waitMs <= 0) return false;
      if (await within(this.#streaming, waitMs, clock)) return this.#streaming;
    }
  }

  /**
   * Ends the log, delivers the final copy for as long as the run's reports may take, and removes the file. A server that
   * has confirmed all of the live log gets no copy. Resolves
   * with a sentence when the log could not be delivered, else with null; does not reject.
   */
  async finish(): Promise<string | null> {
    const { api, reporting, log } = this.deps;
    try {
      await this.spool.append(this.#show(this.#masker.flush()));
      if (this.spool.lostBytes > 0) await this.print(`[${this.spool.lostBytes} bytes are missing here]`);
      this.#ended = true;
      this.bell.ring();
      if (await this.#isConfirmed()) return null;
      const save = () => saveLog(this.spool, () => api.openLog(this.command, true, undefined, reporting));
      await retrying(save, HUB_BACKOFF, this.deps, reporting);
      return null;
    } catch (error) {
      const status = error instanceof RpcError ? error.status : undefined;
      if (status === 'UNIMPLEMENTED') return null; // a small server: the live log is all that it wants
      log.warn('log was not saved', { command: this.command, errorCode: status, reason: String(error) });
      return `the log of "${this.command}" could not be delivered`;
    } finally {
      this.#ended = true;
      this.bell.ring();
      await this.spool.remove().catch(() => {}); // the whole folder goes at the end of the task
    }
  }
}
