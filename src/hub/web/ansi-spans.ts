import { ansiTokens, lastOverwrite } from '../../lib/ansi.ts';

/** Colours are numbers 0 to 15 of the terminal's own palette, or a CSS colour. */
type Colour = number | string | undefined;

export interface AnsiStyle {
  readonly foreground?: Colour;
  readonly background?: Colour;
  readonly bold?: boolean;
  readonly dim?: boolean;
  readonly italic?: boolean;
  readonly underline?: boolean;
  readonly inverse?: boolean;
}

export interface AnsiSpan {
  readonly text: string;
  readonly style: AnsiStyle;
}

export const PLAIN: AnsiStyle = {};

function channel(value: number | undefined): number {
  return Math.min(255, Math.max(0, value ?? 0));
}

/** The 256 colours of xterm: 16 of the palette, a cube of 216, 24 greys. */
function indexed(index: number): Colour {
  if (index < 16) return index;
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10;
    return `rgb(${grey} ${grey} ${grey})`;
  }
  const level = (step: number) => (step === 0 ? 0 : 55 + step * 40);
  const cube = index - 16;
  return `rgb(${level(Math.floor(cube / 36))} ${level(Math.floor(cube / 6) % 6)} ${level(cube % 6)})`;
}

/** Reads `38;5;n` or `38;2;r;g;b` at `at`; returns the colour and how many parameters it took. */
function extended(params: readonly number[], at: number): readonly [Colour, number] {
  if (params[at + 1] === 5) return [indexed(channel(params[at + 2])), 3];
  if (params[at + 1] !== 2) return [undefined, 1];
  return [`rgb(${channel(params[at + 2])} ${channel(params[at + 3])} ${channel(params[at + 4])})`, 5];
}

const SWITCHES: Readonly<Record<number, AnsiStyle>> = {
  1: { bold: true },
  2: { dim: true },
  3: { italic: true },
  4: { underline: true },
  7: { inverse: true },
  22: { bold: false, dim: false },
  23: { italic: false },
  24: { underline: false },
  27: { inverse: false },
  39: { foreground: undefined },
  49: { background: undefined },
};

function simple(style: AnsiStyle, param: number): AnsiStyle {
  if (param === 0) return PLAIN;
  if (param >= 30 && param <= 37) return { ...style, foreground: param - 30 };
  if (param >= 90 && param <= 97) return { ...style, foreground: param - 82 };
  if (param >= 40 && param <= 47) return { ...style, background: param - 40 };
  if (param >= 100 && param <= 107) return { ...style, background: param - 92 };
  return { ...style, ...SWITCHES[param] };
}

/** The style after a colour sequence (ECMA-48, SGR). Unknown parameters change nothing. */
export function applyStyle(style: AnsiStyle, params: readonly number[]): AnsiStyle {
  let next = style;
  for (let at = 0; at < params.length; ) {
    const param = params[at] ?? 0;
    if (param === 38 || param === 48) {
      const [colour, taken] = extended(params, at);
      next = param === 38 ? { ...next, foreground: colour } : { ...next, background: colour };
      at += taken;
    } else {
      next = simple(next, param);
      at += 1;
    }
  }
  return next;
}

/** Splits a line into spans; `before` is the style that the line before it ended with. */
export function parseLine(line: string, before: AnsiStyle): { readonly spans: AnsiSpan[]; readonly after: AnsiStyle } {
  const spans: AnsiSpan[] = [];
  let style = before;
  for (const token of ansiTokens(lastOverwrite(line))) {
    if (token.kind === 'style') style = applyStyle(style, token.params);
    else spans.push({ text: token.text, style });
  }
  return { spans, after: style };
}

/** Class names and, for colours beyond the palette, CSS colours of a span. */
export function presentStyle(style: AnsiStyle): { readonly className: string; readonly css: Record<string, string> } {
  const [front, back] = style.inverse
    ? [style.background ?? 'var(--page)', style.foreground ?? 'var(--text)']
    : [style.foreground, style.background];
  const names = (['bold', 'dim', 'italic', 'underline'] as const).filter((name) => style[name]);
  const css: Record<string, string> = {};
  const classes: string[] = names.map((name) => `ansi-${name}`);
  if (typeof front === 'number') classes.push(`ansi-f${front}`);
  else if (front !== undefined) css.color = front;
  if (back !== undefined) classes.push('ansi-on'); // white means white on a colour, even on a light page
  if (typeof back === 'number') classes.push(`ansi-b${back}`);
  else if (back !== undefined) css.background = back;
  return { className: classes.join(' '), css };
}
