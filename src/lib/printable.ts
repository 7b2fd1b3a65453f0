/** Control, format (bidirectional marks, byte order marks), line and paragraph separators, lone surrogates, unassigned. */
const NOT_PRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/**
 * Foreign text as it may stand in a log line or on a terminal: each character that could steer one becomes U+FFFD, and
 * the text ends with `…` after `maxLength` characters. Text that had to be changed never equals text that had not.
 */
export function printable(text: string, maxLength: number): string {
  const shortened = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  return shortened.replace(NOT_PRINTABLE, '\uFFFD');
}
