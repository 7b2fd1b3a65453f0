/** A piece of terminal output: plain text, or the parameters of a colour sequence (`ESC [ … m`). */
export type AnsiToken =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'style'; readonly params: readonly number[]; readonly raw: string };

/**
 * Escape sequences of ECMA-48: CSI, the string sequences (OSC, DCS, …) up to BEL or ST, and two-character ones; then
 * the control characters that would move the cursor or ring, with tab left alone.
 */
const CONTROL = new RegExp(
  [
    '\\x1b\\[([0-9:;<=>?]*)[ -/]*([@-~]|$)',
    '\\x1b[\\]PX^_][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\|$)',
    '\\x1b[ -/]*[0-~]?',
    '[\\x00-\\x08\\x0b-\\x1f\\x7f]',
  ].join('|'),
  'g',
);

function paramsOf(text: string): number[] {
  return text.split(/[;:]/).map((part) => (part === '' ? 0 : Number(part)));
}

/** Splits terminal output into text and colours; whatever else a terminal understands is left out. Linear. */
export function ansiTokens(line: string): AnsiToken[] {
  const tokens: AnsiToken[] = [];
  let position = 0;
  for (const match of line.matchAll(CONTROL)) {
    if (match.index > position) tokens.push({ kind: 'text', text: line.slice(position, match.index) });
    position = match.index + match[0].length;
    const [raw, params = '', final] = match;
    if (final === 'm' && /^[0-9;:]*$/.test(params)) tokens.push({ kind: 'style', params: paramsOf(params), raw });
  }
  if (position < line.length) tokens.push({ kind: 'text', text: line.slice(position) });
  return tokens;
}

/** The text alone. */
export function stripAnsi(line: string): string {
  return ansiTokens(line)
    .map((token) => (token.kind === 'text' ? token.text : ''))
    .join('');
}

/** What a terminal would show at last of a line that was overwritten by carriage returns, as progress bars do. */
export function lastOverwrite(line: string): string {
  const trimmed = line.replace(/\r+$/, '');
  return trimmed.slice(trimmed.lastIndexOf('\r') + 1);
}
