import { conditionError } from './syntax.ts';

export type ConditionToken =
  | { readonly kind: 'operator'; readonly at: number; readonly text: string }
  | { readonly kind: 'string' | 'variable' | 'word'; readonly at: number; readonly text: string }
  | { readonly kind: 'end'; readonly at: number; readonly text: '' };

const BLANK = /(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/y;
const OPERATOR = /!=~|=~|==|!=|&&|\|\||[!(),]/y;
const VARIABLE = /\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))/y;
const STRING = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/y;
const WORD = /[\p{L}\p{N}_.-]+/uy;

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}

/** Quotes come off in matching pairs, again and again: `"'x'"` is `x`. Backslashes stay. */
function unquote(literal: string): string {
  let value = literal;
  while (value.length >= 2 && /^["']/.test(value) && value.at(0) === value.at(-1)) value = value.slice(1, -1);
  return value;
}

function refuse(text: string, at: number): never {
  const character = text.charAt(at);
  if (character === '"' || character === "'") throw conditionError(at, 'this quote is not closed');
  if (character === '$') throw conditionError(at, '"$" is not followed by the name of a variable');
  if (character === '=') throw conditionError(at, 'a single "=" compares nothing', 'write "=="');
  if (character === '&' || character === '|') {
    throw conditionError(at, `a single "${character}" means nothing here`, `write "${character}${character}"`);
  }
  throw conditionError(at, `"${String.fromCodePoint(text.codePointAt(at) ?? 0)}" means nothing in a condition`);
}

/** Splits a condition into tokens. Throws `AppError` with the column for what is none. */
export function lexCondition(text: string): ConditionToken[] {
  const tokens: ConditionToken[] = [];
  let at = 0;
  while (at < text.length) {
    const blank = matchAt(BLANK, text, at);
    const operator = matchAt(OPERATOR, text, at);
    const variable = matchAt(VARIABLE, text, at);
    const string = matchAt(STRING, text, at);
    const word = matchAt(WORD, text, at);
    if (operator !== undefined) tokens.push({ kind: 'operator', at, text: operator[0] });
    else if (variable !== undefined) tokens.push({ kind: 'variable', at, text: variable[1] ?? variable[2] ?? '' });
    else if (string !== undefined) tokens.push({ kind: 'string', at, text: unquote(string[0]) });
    else if (word !== undefined && blank === undefined) tokens.push({ kind: 'word', at, text: word[0] });
    else if (blank === undefined) refuse(text, at);
    at += (blank ?? operator ?? variable ?? string ?? word)?.[0].length ?? 1;
  }
  return [...tokens, { kind: 'end', at: text.length, text: '' }];
}
