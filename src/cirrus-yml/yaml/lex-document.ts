import { Composer, type CST, type Document, Lexer, LineCounter, type ParsedNode, Parser } from 'yaml';
import { LIMITS } from '../limits.ts';
import { createReport, type Report } from '../report.ts';
import { explainYamlError } from './explain-yaml-error.ts';

interface LexedDocument {
  readonly report: Report;
  /** Undefined when the text is not YAML or too large; the report says why. */
  readonly document: Document.Parsed<ParsedNode, true> | undefined;
}

/** Turns text into tokens without recursion, so that depth and amount are known before anything recursive starts. */
function tokensOf(text: string, counter: LineCounter, report: Report): CST.Token[] | undefined {
  const parser = new Parser(counter.addNewLine);
  const tokens: CST.Token[] = [];
  let lexemes = 0;
  for (const lexeme of new Lexer().lex(text)) {
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

/** Reads the first YAML document of `text`. Never throws; also makes the report that all later steps write to. */
export function lexDocument(text: string): LexedDocument {
  const counter = new LineCounter();
  counter.addNewLine(0);
  const report = createReport((at) => {
    const { line, col } = counter.linePos(at);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  });
  if (text.length > LIMITS.textLength) {
    const hint = `a configuration may have up to ${LIMITS.textLength / 1024 / 1024} MB`;
    report.error(0, `the file is ${Math.ceil(text.length / 1024 / 1024)} MB long`, hint);
    return { report, document: undefined };
  }
  const tokens = tokensOf(text, counter, report);
  if (tokens === undefined) return { report, document: undefined };
  const composer = new Composer<ParsedNode, true>({ uniqueKeys: false, prettyErrors: false, version: '1.2' });
  const [document, second] = [...composer.compose(tokens, true, text.length)];
  if (second !== undefined) {
    report.warning(second.range[0], 'a second YAML document is not read', 'keep one document in the file');
  }
  const told = new Set<number>();
  for (const error of document?.errors ?? []) {
    const [at] = error.pos;
    const { line } = counter.linePos(at);
    if (told.has(line)) continue; // what follows on the same line is mostly the echo of the first
    told.add(line);
    const { message, hint } = explainYamlError(error);
    report.error(at, message, hint);
  }
  return { report, document: report.hasErrors() ? undefined : document };
}
