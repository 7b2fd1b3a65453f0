import { statSync } from 'node:fs';
import type { Clock } from '../../platform/clock.ts';

/** Watches a file that a runner touches while its loop turns. The machine's sleep does not count as silence. */
export class ProgressFile {
  readonly #path: string;
  readonly #clock: Clock;
  #seen = '';
  #changedMs: number;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
    this.#changedMs = clock.monoMs();
  }

  /** A runner starts: it has all the time there is to show itself. */
  begin(): void {
    this.#changedMs = this.#clock.monoMs();
  }

  /** Milliseconds since the file was last seen to change; one that is missing does not change. */
  silentMs(): number {
    const seen = this.#look();
    const nowMs = this.#clock.monoMs();
    if (seen !== '' && seen !== this.#seen) this.#changedMs = nowMs;
    this.#seen = seen;
    return nowMs - this.#changedMs;
  }

  #look(): string {
    try {
      const { mtimeMs, size, ino } = statSync(this.#path);
      return `${mtimeMs} ${size} ${ino}`;
    } catch {
      return ''; // not written yet, or taken away: no progress
    }
  }
}
