import type { Clock } from '../../platform/clock.ts';
import type { Output } from '../context.ts';

/** A terminal with a line at its bottom that moves out of the way of everything else; elsewhere, plain text. */
export interface Screen {
  /** Prints whole lines. */
  print(lines: readonly string[]): void;
  /** Takes the bottom line away; nothing is drawn from then on. */
  close(): void;
}

const REDRAW_MS = 1_000;
const ERASE_LINE = '\r\x1b[2K';

/** `status` tells the bottom line, again each second; the empty text for none. Close it in any case. */
export function createScreen(output: Output, clock: Pick<Clock, 'after'>, status: () => string): Screen {
  if (!output.isTty) {
    return { print: (lines) => lines.length > 0 && output.write(`${lines.join('\n')}\n`), close: () => {} };
  }
  let drawn = '';
  let closed = false;
  let cancel = () => {};
  const bottom = () => {
    const text = closed ? '' : status();
    return output.colour && text !== '' ? `\x1b[90m${text}\x1b[0m` : text;
  };
  const redraw = (lines: readonly string[]) => {
    const next = bottom();
    const above = lines.map((line) => `${line}\n`).join('');
    if (above === '' && next === drawn) return;
    output.write(`${drawn === '' ? '' : ERASE_LINE}${above}${next}`);
    drawn = next;
  };
  const tick = () => {
    redraw([]);
    cancel = clock.after(REDRAW_MS, tick);
  };
  cancel = clock.after(REDRAW_MS, tick);
  return {
    print: redraw,
    close() {
      cancel();
      closed = true;
      redraw([]);
    },
  };
}
