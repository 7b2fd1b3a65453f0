import type { Logger } from '../lib/log.ts';
import { RotatingFile } from '../platform/rotating-file.ts';
import type { DecisionRecord, Event, Policy, State } from './policy-types.ts';

/** One line of the ring of records. A file can be replayed from each `begin` on. */
export type RecordLine =
  | { readonly type: 'begin'; readonly at: string; readonly policy: Policy; readonly state: State }
  | { readonly type: 'event'; readonly at: string; readonly event: Event; readonly decision: DecisionRecord | null };

/** The newest file and the one before it. */
const MAX_BYTES = 1024 * 1024;
const LINES_BETWEEN_BEGINS = 500;

/** A disk that hangs must not fill the memory. */
const MAX_EARLY = 1_000;

/**
 * The ring of records beside the journal: every event that changed something, with what was decided, and now and then
 * the whole state, so that each file can be replayed by itself. A disk that takes nothing costs the lines, nothing else.
 */
export class RecordRing {
  readonly #path: string;
  readonly #log: Logger;
  readonly #now: () => number;
  #file: RotatingFile | undefined;
  /** What came before the file was opened; undefined from then on. */
  #early: string[] | undefined = [];
  #lines = LINES_BETWEEN_BEGINS;

  /** `now`: wall time, for people who read the file. */
  constructor(path: string, log: Logger, now: () => number) {
    this.#path = path;
    this.#log = log;
    this.#now = now;
  }

  /**
   * Opens the file. Not before there is a journal: records without one tell the next start that the journal was lost.
   * Never throws.
   */
  open(): void {
    try {
      this.#file = new RotatingFile(this.#path, { maxBytes: MAX_BYTES, keep: 1 });
    } catch (error) {
      this.#log.warn('the records of decisions cannot be written', {
        event: 'records',
        file: this.#path,
        error: String(error),
      });
    }
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const line of early) this.#file?.write(line);
  }

  /** `before` is the state to which the event came. */
  note(event: Event, decision: DecisionRecord | null, before: State, policy: Policy): void {
    if (this.#lines >= LINES_BETWEEN_BEGINS) this.begin(before, policy);
    this.#lines += 1;
    this.#write({ type: 'event', at: this.#at(), event, decision });
  }

  /** The state changed otherwise than by an event. */
  begin(state: State, policy: Policy): void {
    this.#lines = 0;
    this.#write({ type: 'begin', at: this.#at(), policy, state });
  }

  #at(): string {
    return new Date(this.#now()).toISOString();
  }

  #write(line: RecordLine): void {
    const text = `${JSON.stringify(line)}\n`;
    if (this.#early === undefined) this.#file?.write(text);
    else if (this.#early.length < MAX_EARLY) this.#early.push(text);
  }
}
