import type { Logger } from '../lib/log.ts';
import { errnoOf } from '../platform/files.ts';
import { type JournalEntry, makeStateFolder, saveJournal } from './journal.ts';

/**
 * Keeps the journal on disk up to date without making anybody wait. A disk that is full, slow or read-only is told
 * once and again when it is over; the supervisor goes on in memory.
 */
export class JournalKeeper {
  readonly #folder: string;
  readonly #path: string;
  readonly #log: Logger;
  readonly #entry: () => JournalEntry;
  #wanted = false;
  #working: Promise<void> | undefined;
  #failing = false;

  /** `entry` tells what there is to keep at the moment of writing. */
  constructor(folder: string, file: string, log: Logger, entry: () => JournalEntry) {
    this.#folder = folder;
    this.#path = `${folder}/${file}`;
    this.#log = log;
    this.#entry = entry;
  }

  /** Writes soon; several requests become one write. The promise settles when all that was asked for is done; never rejects. */
  save(): Promise<void> {
    this.#wanted = true;
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
    return this.#working;
  }

  async #work(): Promise<void> {
    while (this.#wanted) {
      this.#wanted = false;
      try {
        if (this.#failing) await makeStateFolder(this.#folder);
        await saveJournal(this.#path, this.#entry());
        if (this.#failing) this.#log.info('the journal can be written again', { event: 'journal', file: this.#path });
        this.#failing = false;
      } catch (error) {
        this.#warn(error);
      }
    }
  }

  #warn(error: unknown): void {
    if (this.#failing) return;
    this.#failing = true;
    this.#log.warn('the journal cannot be written; deadlines are kept in memory, and a restart would lose them', {
      event: 'journal',
      file: this.#path,
      error: errnoOf(error) ?? String(error),
    });
  }
}
