import { Composer, type CST, type Document, isScalar, Lexer, type ParsedNode, Parser, type YAMLParseError } from 'yaml';
import { LIMITS } from '../limits.ts';
import { createLineIndex } from '../line-index.ts';
import { createReport, type Report } from '../report.ts';
import { explainYamlError, isAboutStructure, isEchoOfEnd } from './explain-yaml-error.ts';
import { createOpenMarks, type OpenMarks } from './open-marks.ts';

interface LexedDocument {
  readonly report: Report;
  /** Undefined when the text is not YAML or too large; the report says why. */
  readonly document: Document.Parsed<ParsedNode, true> | undefined;
}

/** Turns text into tokens without recursion, so that depth and amount are known before anything recursive starts. */
function tokensOf(text: string, marks: OpenMarks, report: Report): CST.Token[] | undefined {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  let lexemes = 0;
  for (const lexeme of new Lexer().lex(text)) {
    marks.see(lexeme, parser.offset);
    for (const token of parser.next(lexeme)) tokens.push(token);
    lexemes += 1;
    if (parser.stack.length > LIMITS.depth) {
      report.error(parser.offset, `more than ${LIMITS.depth} lists and maps stand inside one another`);
      return undefined;
    }
    if (lexemes > LIMITS.lexemes) {
      report.error(parser.offset, 'the file has too many parts', 'split it, or generate fewer tasks');
      return undefined;
    }
  }
  for (const token of parser.end()) tokens.push(token);
  return tokens;
}

/** Where a complaint about a line is best shown: at its first word, if it was made at the blanks before. */
function afterBlanks(text: string, at: number): number {
  const atLineStart = at === 0 || text[at - 1] === '\n';
  return atLineStart ? at + (/^ */.exec(text.slice(at, at + 200))?.[0].length ?? 0) : at;
}

/** Offset of the next key at the root: there reading is sure of the structure again. */
function nextAtRoot(text: string, at: number): number {
  const next = /\n[^\s#\-\]}]/g;
  next.lastIndex = at;
  return next.exec(text)?.index ?? text.length;
}

/**
 * One complaint for each line: what follows on the same line is the echo of the first. After a wrong structure, only
 * other kinds of mistakes are told until the next key at the root. Once reading has ended, every line that follows is
 * complained about, of which one is enough.
 */
function reportYamlErrors(errors: readonly YAMLParseError[], text: string, marks: OpenMarks, report: Report): void {
  let silentUntil = 0;
  let misreadUntil = 0;
  const open = errors.length === 0 ? undefined : marks.unclosed();
  if (open !== undefined) report.error(open.at, `this ${open.what} is not closed`);
  for (const error of errors) {
    if (isEchoOfEnd(error) && report.hasErrors()) continue;
    const at = error.code === 'TAB_AS_INDENT' ? error.pos[0] : afterBlanks(text, error.pos[0]);
    if (at < silentUntil || (open !== undefined && at >= open.at)) continue; // behind an open mark all is misread
    if (isAboutStructure(error)) {
      if (at < misreadUntil && error.code !== 'TAB_AS_INDENT') continue;
      misreadUntil = nextAtRoot(text, at);
    }
    const lineEnd = text.indexOf('\n', at);
    silentUntil = lineEnd < 0 ? text.length : lineEnd;
    const { message, hint } = explainYamlError(error, /(?:^|\n) *$/.test(text.slice(Math.max(0, at - 200), at)));
    report.error(at, message, hint);
  }
}

/** Reads the first YAML document of `text`. Never throws; also makes the report that all later steps write to. */
export function lexDocument(text: string): LexedDocument {
  const report = createReport(createLineIndex(text));
  if (text.length > LIMITS.textLength) {
    const hint = `a configuration may have up to ${LIMITS.textLength / 1024 / 1024} MB`;
    report.error(0, `the file is ${Math.ceil(text.length / 1024 / 1024)} MB long`, hint);
    return { report, document: undefined };
  }
  const marks = createOpenMarks();
  const tokens = tokensOf(text, marks, report);
  if (tokens === undefined) return { report, document: undefined };
  const composer = new Composer<ParsedNode, true>({ uniqueKeys: false, prettyErrors: false, version: '1.2' });
  const [document, second] = [...composer.compose(tokens, true, text.length)];
  if (second !== undefined) {
    report.warning(second.range[0], 'a second YAML document is not read', 'keep one document in the file');
  }
  reportYamlErrors(document?.errors ?? [], text, marks, report);
  return { report, document: report.hasErrors() ? undefined : document };
}

/** Whether there is nothing but comments and marks in the document. */
export function isEmptyDocument({ contents }: Document.Parsed<ParsedNode, true>): boolean {
  return contents === null || (isScalar(contents) && contents.type === 'PLAIN' && contents.source === '');
}
