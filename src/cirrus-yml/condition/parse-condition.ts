import { nearest } from '../../lib/nearest.ts';
import { LIMITS } from '../limits.ts';
import { type ConditionToken, lexCondition } from './lex-condition.ts';
import { type BinaryOperator, conditionError, type Expression } from './syntax.ts';

/** How tightly an operator binds; all of them group from the left. */
const PRECEDENCE: Readonly<Record<BinaryOperator, number>> = {
  in: 10,
  '==': 8,
  '!=': 8,
  '=~': 8,
  '!=~': 8,
  '&&': 4,
  '||': 3,
};

const FUNCTIONS = ['changesInclude', 'changesIncludeOnly'];

function isBinary(text: string): text is BinaryOperator {
  return Object.hasOwn(PRECEDENCE, text);
}

function refuseWord({ at, text }: ConditionToken): never {
  if (/^[\d.-]+$/.test(text)) throw conditionError(at, `the number ${text} is not quoted`, `write '${text}'`);
  if (/^(true|yes|on|1)$/i.test(text)) throw conditionError(at, `"${text}" is not a truth value`, 'write true');
  if (/^(false|no|off|0)$/i.test(text)) throw conditionError(at, `"${text}" is not a truth value`, 'write false');
  const guess = nearest(text, FUNCTIONS);
  const hint =
    guess === undefined
      ? `write true or false, '${text}' for the text, or $${text} for the variable`
      : `did you mean ${guess}?`;
  throw conditionError(at, `the word "${text}" means nothing in a condition`, hint);
}

/** Recursive descent over the tokens of one condition. */
class ConditionParser {
  #position = 0;
  #depth = 0;

  constructor(readonly tokens: readonly ConditionToken[]) {}

  parse(): Expression {
    const expression = this.#binary(0);
    const rest = this.#peek();
    if (rest.kind !== 'end') throw conditionError(rest.at, `an operator is missing before "${rest.text}"`);
    return expression;
  }

  #peek(): ConditionToken {
    return this.tokens[this.#position] ?? { kind: 'end', at: 0, text: '' };
  }

  #next(): ConditionToken {
    const token = this.#peek();
    this.#position += 1;
    return token;
  }

  #take(text: string): boolean {
    const token = this.#peek();
    if (token.kind !== 'operator' || token.text !== text) return false;
    this.#position += 1;
    return true;
  }

  #binary(minimum: number): Expression {
    let left = this.#unary();
    for (;;) {
      const { kind, at, text } = this.#peek();
      const fits = (kind === 'operator' || kind === 'word') && isBinary(text) && PRECEDENCE[text] > minimum;
      if (!fits) return left;
      this.#position += 1;
      left = { tag: 'binary', at, operator: text, left, right: this.#binary(PRECEDENCE[text]) };
    }
  }

  #unary(): Expression {
    const token = this.#next();
    this.#depth += 1;
    if (this.#depth > LIMITS.conditionDepth) throw conditionError(token.at, 'the condition is nested too deeply');
    const expression = this.#operand(token);
    this.#depth -= 1;
    return expression;
  }

  #operand(token: ConditionToken): Expression {
    const { at, text } = token;
    if (token.kind === 'string') return { tag: 'literal', at, value: text };
    if (token.kind === 'variable') return { tag: 'variable', at, name: text };
    if (token.kind === 'word') return this.#word(token);
    if (text === '!') return { tag: 'not', at, operand: this.#unary() };
    if (text === '(') return this.#group(at);
    if (token.kind === 'end') throw conditionError(at, 'the condition ends where a value is expected');
    throw conditionError(at, `a value is expected before "${text}"`);
  }

  #word(token: ConditionToken): Expression {
    const { at, text } = token;
    if (text === 'true' || text === 'false') return { tag: 'literal', at, value: text };
    if (!FUNCTIONS.includes(text)) return refuseWord(token);
    const args: Expression[] = [];
    if (this.#take('(')) {
      do args.push(this.#binary(0));
      while (this.#take(','));
      if (!this.#take(')')) throw conditionError(this.#peek().at, `the list of patterns of ${text} is not closed`);
    }
    if (args.length === 0) throw conditionError(at, `${text} needs a pattern`, `write ${text}('src/**')`);
    return { tag: 'call', at, name: text, args };
  }

  #group(at: number): Expression {
    const inner = this.#binary(0);
    if (!this.#take(')')) throw conditionError(at, 'this bracket is not closed');
    return inner;
  }
}

/** Parses a condition such as `$BRANCH == 'main' && !changesInclude('docs/**')`. Throws `AppError` with the column. */
export function parseCondition(text: string): Expression {
  return new ConditionParser(lexCondition(text)).parse();
}
