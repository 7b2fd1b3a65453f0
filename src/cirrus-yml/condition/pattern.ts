import { AppError } from '../../lib/errors.ts';
import { LIMITS } from '../limits.ts';
import { ANY, escapedCharacter, ignoringCase, namedSet, negate, range, unite } from './character-set.ts';
import { type CharacterSet, compileProgram, type PatternBudget, type PatternNode } from './pattern-program.ts';

const QUANTIFIER = /(?:[*+?]|\{(\d{1,4})(,(\d{1,4})?)?\})\??/y;
const GROUP = /\((?:\?(?::|P?<\w+>))?/y;
const FLAGS = /\(\?[is]+\)/y;
const MAX_REPEAT = 1000;

function broken(message: string): AppError {
  return new AppError('CONFIG', `the pattern is not a regular expression: ${message}`);
}

/** Reads the dialect that the reference uses (RE2): dot matches newlines, case does not matter. */
class PatternParser {
  #at = 0;
  #depth = 0;

  constructor(readonly source: string) {}

  parse(): PatternNode {
    const node = this.#choice();
    if (this.#at < this.source.length) throw broken('a closing bracket has no opening one');
    return node;
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.source) ?? undefined;
    this.#at += match?.[0].length ?? 0;
    return match;
  }

  #character(): string {
    const character = String.fromCodePoint(this.source.codePointAt(this.#at) ?? 0);
    if (this.#at >= this.source.length) throw broken('it ends too early');
    this.#at += character.length;
    return character;
  }

  #choice(): PatternNode {
    const options = [this.#sequence()];
    while (this.source[this.#at] === '|') {
      this.#at += 1;
      options.push(this.#sequence());
    }
    const [only] = options;
    return options.length === 1 && only !== undefined ? only : { tag: 'choice', options };
  }

  #sequence(): PatternNode {
    const parts: PatternNode[] = [];
    while (this.#at < this.source.length && !/[|)]/.test(this.source.charAt(this.#at))) {
      if (this.#take(FLAGS) === undefined) parts.push(this.#quantified());
    }
    return { tag: 'sequence', parts };
  }

  #quantified(): PatternNode {
    const part = this.#atom();
    const match = this.#take(QUANTIFIER);
    if (match === undefined) return part;
    const [symbol, least, comma, most] = match;
    const min = least === undefined ? (symbol.startsWith('+') ? 1 : 0) : Number(least);
    let max = symbol.startsWith('?') ? 1 : Number.POSITIVE_INFINITY;
    if (least !== undefined) max = comma === undefined ? min : most === undefined ? max : Number(most);
    if (min > max || min > MAX_REPEAT || (max > MAX_REPEAT && max !== Number.POSITIVE_INFINITY)) {
      throw broken(`${symbol} is not a number of repetitions`);
    }
    if (this.#take(QUANTIFIER) !== undefined) throw broken('two quantifiers follow one another');
    return { tag: 'repeat', part, min, max };
  }

  #atom(): PatternNode {
    if (this.source[this.#at] === '(') return this.#group();
    const character = this.#character();
    if (character === '.') return { tag: 'set', has: ANY };
    if (character === '^') return { tag: 'assert', what: 'start' };
    if (character === '$') return { tag: 'assert', what: 'end' };
    if (character === '[') return { tag: 'set', has: this.#bracket() };
    if (character === '\\') return this.#escape();
    if (/[*+?]/.test(character)) throw broken(`"${character}" has nothing to repeat`);
    return { tag: 'set', has: ignoringCase((point) => point === character.codePointAt(0)) };
  }

  #group(): PatternNode {
    this.#take(GROUP);
    if (this.source[this.#at] === '?') throw broken('this kind of group is not supported');
    this.#depth += 1;
    if (this.#depth > LIMITS.conditionDepth) throw broken('it is nested too deeply');
    const inner = this.#choice();
    this.#depth -= 1;
    if (this.source[this.#at] !== ')') throw broken('a bracket is not closed');
    this.#at += 1;
    return inner;
  }

  #escape(): PatternNode {
    const letter = this.#character();
    if (letter === 'A') return { tag: 'assert', what: 'start' };
    if (letter === 'z') return { tag: 'assert', what: 'end' };
    if (letter === 'b') return { tag: 'assert', what: 'boundary' };
    if (letter === 'B') return { tag: 'assert', what: 'inside' };
    return { tag: 'set', has: this.#escapedSet(letter) };
  }

  #escapedSet(letter: string): CharacterSet {
    const set = /^[dwsDWS]$/.test(letter) ? namedSet(letter) : undefined;
    const point = escapedCharacter(letter);
    if (set === undefined && point === undefined) throw broken(`"\\${letter}" has no meaning`);
    return set ?? ((candidate) => candidate === point);
  }

  #bracket(): CharacterSet {
    const opposite = this.#take(/\^/y) !== undefined;
    const sets: CharacterSet[] = [];
    while (sets.length === 0 || this.source[this.#at] !== ']') {
      const posix = this.#take(/\[:(\^?)(\w+):\]/y);
      const named = posix === undefined ? this.#take(/\\([dwsDWS])/y) : undefined;
      const name = posix?.[2] ?? named?.[1];
      const set = name === undefined ? this.#bracketRange() : namedSet(name);
      if (set === undefined) throw broken(`there is no class "${name}"`);
      sets.push(posix?.[1] === '^' ? negate(set) : set);
    }
    this.#at += 1;
    const union = ignoringCase(unite(sets));
    return opposite ? negate(union) : union;
  }

  #bracketRange(): CharacterSet {
    const first = this.#bracketCharacter();
    if (this.source[this.#at] !== '-' || this.source[this.#at + 1] === ']') return range(first, first);
    this.#at += 1;
    const last = this.#bracketCharacter();
    if (last < first) throw broken('a range runs backwards');
    return range(first, last);
  }

  #bracketCharacter(): number {
    const character = this.#character();
    if (character !== '\\') return character.codePointAt(0) ?? 0;
    const letter = this.#character();
    const point = escapedCharacter(letter);
    if (point === undefined) throw broken(`"\\${letter}" has no meaning in brackets`);
    return point;
  }
}

/** Makes a test for texts that contain the regular expression. Throws `AppError` for a broken or huge one. */
export function compilePattern(source: string, budget: PatternBudget): (text: string) => boolean {
  return compileProgram(new PatternParser(source).parse(), budget);
}
