import type { CharacterSet } from './pattern-program.ts';

export const ANY: CharacterSet = (point) => point >= 0;

const NAMED: Readonly<Record<string, RegExp>> = {
  d: /[0-9]/,
  w: /[0-9A-Za-z_]/,
  s: /[\t\n\f\r ]/,
  alpha: /[A-Za-z]/,
  digit: /[0-9]/,
  alnum: /[0-9A-Za-z]/,
  upper: /[A-Z]/,
  lower: /[a-z]/,
  space: /[\t\n\v\f\r ]/,
  punct: /[!-/:-@[-`{-~]/,
  xdigit: /[0-9A-Fa-f]/,
  word: /[0-9A-Za-z_]/,
};

const CONTROL: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, f: 12, v: 11, a: 7 };

export function negate(set: CharacterSet): CharacterSet {
  return (point) => point >= 0 && !set(point);
}

export function unite(sets: readonly CharacterSet[]): CharacterSet {
  return (point) => sets.some((set) => set(point));
}

export function range(first: number, last: number): CharacterSet {
  return (point) => point >= first && point <= last;
}

/** The set and its counterparts in the other case, one character for one. */
export function ignoringCase(set: CharacterSet): CharacterSet {
  return (point) => {
    if (point < 0) return false;
    const character = String.fromCodePoint(point);
    return [point, character.toLowerCase().codePointAt(0), character.toUpperCase().codePointAt(0)].some(
      (variant) => variant !== undefined && set(variant),
    );
  };
}

/** `d`, `w`, `s`, their capitals for the opposite, or a POSIX name such as `alpha`; undefined for another name. */
export function namedSet(name: string): CharacterSet | undefined {
  const opposite = name.length === 1 && /[DWS]/.test(name);
  const key = opposite ? name.toLowerCase() : name;
  const pattern = Object.hasOwn(NAMED, key) ? NAMED[key] : undefined;
  if (pattern === undefined) return undefined;
  const set: CharacterSet = (point) => point >= 0 && pattern.test(String.fromCodePoint(point));
  return opposite ? negate(set) : set;
}

/** The character that an escape such as `\n` or `\.` stands for; undefined when it is no such escape. */
export function escapedCharacter(letter: string): number | undefined {
  if (Object.hasOwn(CONTROL, letter)) return CONTROL[letter];
  return /^[0-9A-Za-z]?$/.test(letter) ? undefined : letter.codePointAt(0);
}
