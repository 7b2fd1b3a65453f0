import { AppError } from '../../lib/errors.ts';
import type { Token } from './component.ts';

/** One component of a pattern: a name as it is, names that tokens match, or any depth of folders. */
export type Component =
  | { readonly tag: 'name'; readonly name: string }
  | { readonly tag: 'match'; readonly tokens: readonly Token[] }
  | { readonly tag: 'any-depth' };

/** More alternatives in one pattern are a mistake, or an attempt to fill the memory. */
const MAX_ALTERNATIVES = 1_000;
const MAX_PATTERN_LENGTH = 4_096;

function refuse(pattern: string, why: string): AppError {
  const shown = pattern.length > 100 ? `${pattern.slice(0, 100)}…` : pattern;
  return new AppError('CONFIG', `pattern ${JSON.stringify(shown)} ${why}`, {
    hint: 'write a literal bracket, brace, * or ? with a backslash before it',
  });
}

/** Index of the character after the class that opens at `start`; the length when it never closes. */
function endOfClass(text: string, start: number): number {
  let at = start + 1;
  if (text[at] === '^') at += 1;
  for (let first = true; at < text.length; at += 1, first = false) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === ']' && !first) return at + 1;
  }
  return text.length;
}

/** The alternatives of the first top-level `{a,b}` in `text`, with what stands before and after it. */
function firstBraces(text: string): { before: string; options: string[]; after: string } | undefined | 'open' {
  let depth = 0;
  let open = 0;
  let optionStart = 0;
  const options: string[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '\\') at += 1;
    else if (character === '[') at = endOfClass(text, at) - 1;
    else if (character === '{') {
      if (depth === 0) [open, optionStart] = [at, at + 1];
      depth += 1;
    } else if (character === '}' && depth > 0) {
      depth -= 1;
      if (depth > 0) continue;
      options.push(text.slice(optionStart, at));
      return { before: text.slice(0, open), options, after: text.slice(at + 1) };
    } else if (character === ',' && depth === 1) {
      options.push(text.slice(optionStart, at));
      optionStart = at + 1;
    }
  }
  return depth > 0 ? 'open' : undefined;
}

/** All texts that `{a,b}` alternatives stand for, nested ones too, in the order in which they are written. */
function expandBraces(pattern: string): string[] {
  const done: string[] = [];
  const todo = [pattern];
  while (todo.length > 0) {
    const text = todo.shift() ?? '';
    const braces = firstBraces(text);
    if (braces === 'open') throw refuse(pattern, 'opens a brace that it does not close');
    if (braces === undefined) done.push(text);
    else todo.unshift(...braces.options.map((option) => braces.before + option + braces.after));
    if (todo.length + done.length > MAX_ALTERNATIVES)
      throw refuse(pattern, `has over ${MAX_ALTERNATIVES} alternatives`);
  }
  return done;
}

const literal = (character: string) => character.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

function classExpression(text: string, start: number, end: number, pattern: string): string {
  if (end >= text.length && text[text.length - 1] !== ']')
    throw refuse(pattern, 'opens a bracket that it does not close');
  const negated = text[start + 1] === '^';
  const inside = text.slice(start + (negated ? 2 : 1), end - 1);
  if (inside === '') throw refuse(pattern, 'has an empty class');
  let expression = '';
  for (let at = 0; at < inside.length; at += 1) {
    const character = inside[at] ?? '';
    if (character === '\\' && at + 1 < inside.length) {
      at += 1;
      expression += literal(inside[at] ?? '');
    } else expression += character === '-' ? '-' : literal(character);
  }
  return negated ? `[^${expression}]` : `[${expression}]`;
}

function classToken(text: string, start: number, end: number, pattern: string): Token {
  const expression = classExpression(text, start, end, pattern);
  try {
    return { tag: 'class', expression: new RegExp(`^${expression}$`, 'su') };
  } catch (error) {
    throw new AppError('CONFIG', `pattern ${JSON.stringify(pattern)} has a class that means nothing`, { cause: error });
  }
}

function tokensOf(text: string, pattern: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
    if (character === '*') {
      if (tokens.at(-1)?.tag !== 'run') tokens.push({ tag: 'run' });
    } else if (character === '?') tokens.push({ tag: 'any' });
    else if (character === '[') {
      const end = endOfClass(text, at);
      tokens.push(classToken(text, at, end, pattern));
      at = end - 1;
    } else {
      if (character === '\\') at += 1;
      const code = text.codePointAt(at);
      const meant = code === undefined ? '\\' : String.fromCodePoint(code);
      tokens.push({ tag: 'character', character: meant });
      at += meant.length - 1;
    }
  }
  return tokens;
}

function compileComponent(text: string, pattern: string): Component {
  if (text === '**') return { tag: 'any-depth' };
  const tokens = tokensOf(text, pattern);
  if (!tokens.every(({ tag }) => tag === 'character')) return { tag: 'match', tokens };
  return { tag: 'name', name: tokens.map((token) => (token.tag === 'character' ? token.character : '')).join('') };
}

/** `**` after `**` means nothing more, and would be searched again and again. */
function withoutRepeats(components: readonly Component[]): Component[] {
  return components.filter(({ tag }, index) => tag !== 'any-depth' || components[index - 1]?.tag !== 'any-depth');
}

/** Splits at separators, which a class or a backslash may hide. */
function splitComponents(text: string): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '[') at = endOfClass(text, at) - 1;
    else if (text[at] === '/') {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return [...parts, text.slice(start)].filter((part) => part !== '' && part !== '.');
}

/**
 * Reads a pattern of artifact paths (specification of the agent, section 7.8): `*` and `?` stay within a component and
 * match dot files too, `**` as a whole component is any depth, `[a-z]` and `[^a-z]` are classes, `{a,b}` alternatives,
 * a backslash escapes. Gives one list of components for each alternative. Throws `AppError` (CONFIG).
 */
export function parsePattern(pattern: string): readonly (readonly Component[])[] {
  if (pattern.length > MAX_PATTERN_LENGTH) throw refuse(pattern, `is longer than ${MAX_PATTERN_LENGTH} characters`);
  return expandBraces(pattern).map((text) =>
    withoutRepeats(splitComponents(text).map((part) => compileComponent(part, pattern))),
  );
}
