import { assembleLines, NO_BYTES, unfinishedLine } from '../../lib/line-assembler.ts';
import { type AnsiSpan, type AnsiStyle, PLAIN, parseLine } from './ansi-spans.ts';

/** More lines than this make browsers slow: the beginning goes, and the whole log can be downloaded. */
export const MAX_LINES = 20_000;
/** Lines per block: a full block never changes again, so the page draws it once. */
export const BLOCK_LINES = 250;

export interface LogLine {
  /** Counted from 1 over the whole log. */
  readonly number: number;
  readonly spans: readonly AnsiSpan[];
}

/** The log of one instruction as the page holds it. */
export interface InstructionLog {
  readonly blocks: readonly (readonly LogLine[])[];
  readonly lineCount: number;
  readonly style: AnsiStyle;
  readonly rest: Uint8Array;
}

export const EMPTY_LOG: InstructionLog = { blocks: [], lineCount: 0, style: PLAIN, rest: NO_BYTES };

/** A `log` event of the hub, its data decoded. */
export interface LogPiece {
  readonly replaces: boolean;
  readonly data: Uint8Array;
}

/** The log with one more piece at its end, or begun anew with it. Blocks that were full stay the same objects. */
export function appendPiece(log: InstructionLog, piece: LogPiece): InstructionLog {
  const base = piece.replaces ? EMPTY_LOG : log;
  const { lines, rest } = assembleLines(base.rest, piece.data);
  const blocks = [...base.blocks];
  let open = [...(blocks.pop() ?? [])];
  let { style, lineCount } = base;
  for (const text of lines) {
    const { spans, after } = parseLine(text, style);
    style = after;
    lineCount += 1;
    if (open.length >= BLOCK_LINES) {
      blocks.push(open);
      open = [];
    }
    open.push({ number: lineCount, spans });
  }
  if (open.length > 0) blocks.push(open);
  return { blocks: blocks.slice(-Math.ceil(MAX_LINES / BLOCK_LINES)), lineCount, style, rest };
}

/** The line that is still being written, if there is one. */
export function openLine(log: InstructionLog): LogLine | undefined {
  if (log.rest.length === 0) return undefined;
  return { number: log.lineCount + 1, spans: parseLine(unfinishedLine(log.rest), log.style).spans };
}
