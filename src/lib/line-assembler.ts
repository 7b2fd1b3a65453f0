const NEWLINE = 0x0a;
const decoder = new TextDecoder();

/** Text of a log that grows by pieces cut anywhere, in the middle of a line or of a character too. */
export interface Assembled {
  /** Lines that are complete now, without their line ends. */
  readonly lines: readonly string[];
  /** Bytes after the last line end: pass them in with the next piece. */
  readonly rest: Uint8Array;
}

export const NO_BYTES: Uint8Array = new Uint8Array();

/** Joins what was left over with a new piece and gives the lines that this completes. Broken UTF-8 shows as U+FFFD. */
export function assembleLines(rest: Uint8Array, piece: Uint8Array): Assembled {
  const bytes = new Uint8Array(rest.length + piece.length);
  bytes.set(rest);
  bytes.set(piece, rest.length);
  const end = bytes.lastIndexOf(NEWLINE);
  if (end < 0) return { lines: [], rest: bytes };
  return { lines: decoder.decode(bytes.subarray(0, end)).split('\n'), rest: bytes.slice(end + 1) };
}

/** The unfinished line, for when nothing more will come. */
export function unfinishedLine(rest: Uint8Array): string {
  return decoder.decode(rest);
}
