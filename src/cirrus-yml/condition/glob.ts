import { AppError } from '../../lib/errors.ts';
import { ANY, negate, range, unite } from './character-set.ts';
import { type CharacterSet, compileProgram, type PatternBudget, type PatternNode } from './pattern-program.ts';

const SLASH = 47;
const notSlash = negate(range(SLASH, SLASH));

function broken(pattern: string, message: string): AppError {
  return new AppError('CONFIG', `"${pattern}" is not a path pattern: ${message}`);
}

function anyNumber(has: CharacterSet): PatternNode {
  return { tag: 'repeat', part: { tag: 'set', has }, min: 0, max: Number.POSITIVE_INFINITY };
}

/** `[abc]`, `[a-z]`, `[!a]`: one character, never a slash. */
function readBracket(pattern: string, inner: string): CharacterSet {
  if (inner.includes('/')) throw broken(pattern, 'a slash stands in brackets');
  const sets = [...inner.replace(/^!/, '').matchAll(/(.)-(.)|(.)/gsu)].map(([, first, last, single]) => {
    const from = (first ?? single ?? '').codePointAt(0) ?? 0;
    const to = (last ?? single ?? '').codePointAt(0) ?? 0;
    if (to < from) throw broken(pattern, 'a range runs backwards');
    return range(from, to);
  });
  const union = unite(sets);
  return inner.startsWith('!') ? (point) => notSlash(point) && !union(point) : union;
}

/** Reads one piece of a glob at `at`; returns it with the position behind it. */
function readPiece(pattern: string, at: number): readonly [PatternNode, number] {
  const character = String.fromCodePoint(pattern.codePointAt(at) ?? 0);
  if (character === '*' && pattern[at + 1] === '*') return [anyNumber(ANY), at + 2];
  if (character === '*') return [anyNumber(notSlash), at + 1];
  if (character === '?') return [{ tag: 'set', has: notSlash }, at + 1];
  if (character === '[') {
    const end = pattern.indexOf(']', at + 2);
    if (end < 0) throw broken(pattern, 'a "[" is not closed');
    return [{ tag: 'set', has: readBracket(pattern, pattern.slice(at + 1, end)) }, end + 1];
  }
  const escaped = character === '\\';
  if (escaped && at + 1 >= pattern.length) throw broken(pattern, 'it ends with a backslash');
  const point = pattern.codePointAt(escaped ? at + 1 : at) ?? 0;
  const width = String.fromCodePoint(point).length + (escaped ? 1 : 0);
  return [{ tag: 'set', has: range(point, point) }, at + width];
}

function parseGlob(pattern: string): PatternNode {
  const whole: PatternNode[] = [{ tag: 'assert', what: 'start' }];
  let options: PatternNode[][] | undefined;
  let at = 0;
  while (at < pattern.length) {
    const character = pattern[at];
    const target = options?.at(-1) ?? whole;
    if (character === '{') {
      if (options !== undefined) throw broken(pattern, 'braces stand inside braces');
      options = [[]];
      at += 1;
    } else if (options !== undefined && character === ',') {
      options.push([]);
      at += 1;
    } else if (options !== undefined && character === '}') {
      whole.push({ tag: 'choice', options: options.map((parts) => ({ tag: 'sequence', parts })) });
      options = undefined;
      at += 1;
    } else {
      const [piece, next] = readPiece(pattern, at);
      target.push(piece);
      at = next;
    }
  }
  if (options !== undefined) throw broken(pattern, 'a "{" is not closed');
  return { tag: 'sequence', parts: [...whole, { tag: 'assert', what: 'end' }] };
}

/**
 * Makes a test for whole paths: `*` and `?` stay within a folder, `**` crosses folders, `{a,b}` and `[a-z]` as usual,
 * case matters. Throws `AppError` for a broken pattern.
 */
export function compileGlob(pattern: string, budget: PatternBudget): (path: string) => boolean {
  return compileProgram(parseGlob(pattern), budget);
}
