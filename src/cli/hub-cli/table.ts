import { stripAnsi } from '../../lib/ansi.ts';
import { printable } from '../../lib/printable.ts';
import { painter } from '../submit/text-style.ts';

/** A cell: text, or text with a colour. */
export type Cell = string | readonly [text: string, colour: string];

const MAX_CELL = 200;

function plain(cell: Cell): string {
  return printable(stripAnsi(typeof cell === 'string' ? cell : cell[0]), MAX_CELL);
}

/** Columns side by side, the last one as long as it is; headings in grey. What the hub says cannot steer the terminal. */
export function table(heads: readonly string[], rows: readonly (readonly Cell[])[], colour: boolean): string {
  const paint = painter(colour);
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => plain(row[column] ?? '').length)),
  );
  const line = (cells: readonly Cell[], headCode?: string) =>
    cells
      .map((cell, column) => {
        const text = plain(cell);
        const padded = column === heads.length - 1 ? text : text.padEnd(widths[column] ?? 0);
        const code = headCode ?? (typeof cell === 'string' ? undefined : cell[1]);
        return code === undefined ? padded : paint(code, padded);
      })
      .join('  ')
      .trimEnd();
  return [line(heads, '90'), ...rows.map((row) => line(row))].map((text) => `${text}\n`).join('');
}

/** `3m 5s ago`; `never` for no time. */
export function ago(time: string | null, nowMs: number, format: (ms: number) => string): string {
  if (time === null) return 'never';
  const ageMs = nowMs - Date.parse(time);
  return ageMs < 0 ? `in ${format(-ageMs)}` : `${format(ageMs)} ago`;
}
