/** Watches the lexemes go by and remembers which quotes and brackets never close, for the YAML library does not say. */
export interface OpenMarks {
  see(lexeme: string, at: number): void;
  /** The last bracket or the first quote that is still open at the end. */
  unclosed(): { readonly at: number; readonly what: 'quote' | 'bracket' } | undefined;
}

/** The lexer's announcement of unquoted text, whose characters are no marks. */
const TEXT_FOLLOWS = '\u001f';

export function createOpenMarks(): OpenMarks {
  const brackets: number[] = [];
  let quote: number | undefined;
  let previous = '';

  function see(lexeme: string, at: number): void {
    const isText = previous === TEXT_FOLLOWS;
    previous = lexeme;
    if (isText) return;
    const first = lexeme.charAt(0);
    if (lexeme === '[' || lexeme === '{') brackets.push(at);
    else if (lexeme === ']' || lexeme === '}') brackets.pop();
    else if (/["']/.test(first) && (lexeme.length === 1 || !lexeme.endsWith(first))) quote ??= at;
  }

  function unclosed() {
    const bracket = brackets.at(-1);
    if (quote !== undefined) return { at: quote, what: 'quote' as const };
    return bracket === undefined ? undefined : { at: bracket, what: 'bracket' as const };
  }

  return { see, unclosed };
}
