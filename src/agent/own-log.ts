import { createLogger, type Logger } from '../lib/log.ts';
import { maskText } from './masker.ts';
import type { SecretSet } from './secret-set.ts';

/** What the server gets of it at the end; existing receivers take at most 4 MiB in one message. */
const MAX_KEPT_CHARACTERS = 1 << 20;

/** The agent's log of itself: each line goes out at once, secrets hidden, and the newest ones are kept for the server. */
export class OwnLog {
  readonly logger: Logger;
  readonly #lines: string[] = [];
  #characters = 0;
  #dropped = 0;

  /** `write` takes finished lines. */
  constructor(
    private readonly secrets: SecretSet,
    { colour, write }: { readonly colour: boolean; readonly write: (line: string) => void },
  ) {
    const take = (line: string) => {
      const masked = maskText(line, secrets);
      this.#keep(masked);
      write(masked);
    };
    this.logger = createLogger({ level: 'info', format: 'text', colour, write: take });
  }

  #keep(line: string): void {
    this.#lines.push(line);
    this.#characters += line.length;
    while (this.#characters > MAX_KEPT_CHARACTERS && this.#lines.length > 1) {
      this.#characters -= this.#lines.shift()?.length ?? 0;
      this.#dropped += 1;
    }
  }

  /** The newest lines; a secret that was learnt after they were written is hidden here all the same. */
  text(): string {
    const note = this.#dropped === 0 ? '' : `[${this.#dropped} earlier lines were left out]\n`;
    return maskText(`${note}${this.#lines.join('')}`, this.secrets)
      .slice(-MAX_KEPT_CHARACTERS)
      .toWellFormed();
  }
}
