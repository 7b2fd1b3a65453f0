import { AppError } from '../lib/errors.ts';

interface Splitter {
  words: string[];
  /** Undefined between words: an empty word exists once a quote has been opened. */
  word: string | undefined;
  quote: string | undefined;
}

function take(state: Splitter, char: string): void {
  if (char === state.quote) {
    state.quote = undefined;
  } else if (state.quote === undefined && (char === '"' || char === "'")) {
    state.quote = char;
    state.word ??= '';
  } else if (state.quote === undefined && (char === ' ' || char === '\t')) {
    if (state.word !== undefined) state.words.push(state.word);
    state.word = undefined;
  } else {
    state.word = (state.word ?? '') + char;
  }
}

/**
 * Splits a command line into words: blanks and tabs separate, both quotes may start in a word, a backslash takes the
 * next character literally everywhere (specification of the agent, 13.2). Throws `AppError` for an open quote or a
 * backslash at the end.
 */
export function splitWords(line: string): string[] {
  const fail = (what: string) =>
    new AppError('CONFIG', `the command line \`${line}\` ${what}`, { hint: 'close the quote or double the backslash' });
  const state: Splitter = { words: [], word: undefined, quote: undefined };
  const chars = [...line];
  for (let at = 0; at < chars.length; at += 1) {
    if (chars[at] !== '\\') {
      take(state, chars[at] ?? '');
      continue;
    }
    at += 1;
    const escaped = chars[at];
    if (escaped === undefined) throw fail('ends with a backslash');
    state.word = (state.word ?? '') + escaped;
  }
  if (state.quote !== undefined) throw fail('has a quote that is never closed');
  if (state.word !== undefined) state.words.push(state.word);
  return state.words;
}
