import { assertNever } from '../../lib/assert-never.ts';
import { AppError } from '../../lib/errors.ts';
import { LIMITS } from '../limits.ts';
import { compileGlob } from './glob.ts';
import { compilePattern } from './pattern.ts';
import type { PatternBudget } from './pattern-program.ts';
import { type BinaryOperator, conditionError, type Expression } from './syntax.ts';

export interface ConditionInput {
  /** Value of a variable with the variables in it replaced; undefined when that has no end. */
  lookup(name: string): string | undefined;
  expand(text: string): string | undefined;
  readonly affectedFiles: readonly string[];
  readonly budget: PatternBudget;
}

const TRUE = ['1', 't', 'T', 'TRUE', 'true', 'True'];
const FALSE = ['0', 'f', 'F', 'FALSE', 'false', 'False'];

function toBoolean(value: string, { at, ...expression }: Expression): boolean {
  if (TRUE.includes(value)) return true;
  if (FALSE.includes(value)) return false;
  const name = expression.tag === 'variable' ? `$${expression.name}` : 'this';
  const shown = value === '' ? 'empty' : `"${value.slice(0, 40)}"`;
  const hint = expression.tag === 'variable' ? `compare it, for example ${name} != ''` : 'compare it with something';
  throw conditionError(at, `${name} is ${shown}, which is neither true nor false`, hint);
}

function bounded(value: string | undefined, at: number): string {
  if (value !== undefined) return value;
  throw conditionError(at, 'the variables in this value expand without end', 'let no variable mention itself');
}

/** Compiles and tries a pattern or glob; a complaint gets the place of the operand that holds it. */
function matching<Result>(at: number, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw conditionError(at, error.message, error.hint);
  }
}

function evaluateCall(name: string, args: readonly Expression[], input: ConditionInput): boolean {
  const hits = new Set<string>();
  for (const arg of args) {
    const pattern = bounded(input.expand(evaluate(arg, input)), arg.at);
    const found = matching(arg.at, () => input.affectedFiles.filter(compileGlob(pattern, input.budget)));
    for (const path of found) hits.add(path);
  }
  if (name === 'changesInclude') return hits.size > 0;
  return hits.size > 0 && input.affectedFiles.every((path) => hits.has(path));
}

function evaluateBinary(operator: BinaryOperator, left: Expression, right: Expression, input: ConditionInput): boolean {
  const [leftValue, rightValue] = [evaluate(left, input), evaluate(right, input)];
  switch (operator) {
    case 'in':
      return rightValue.includes(leftValue);
    case '==':
      return leftValue === rightValue;
    case '!=':
      return leftValue !== rightValue;
    case '=~':
    case '!=~': {
      const matches = matching(right.at, () => compilePattern(`^${rightValue}$`, input.budget)(leftValue));
      return matches === (operator === '=~');
    }
    case '&&':
    case '||': {
      // Both sides are looked at always, so that a mistake on the right does not hide behind the left.
      const [leftTruth, rightTruth] = [toBoolean(leftValue, left), toBoolean(rightValue, right)];
      return operator === '&&' ? leftTruth && rightTruth : leftTruth || rightTruth;
    }
    default:
      return assertNever(operator);
  }
}

function evaluate(expression: Expression, input: ConditionInput): string {
  switch (expression.tag) {
    case 'literal':
      return expression.value;
    case 'variable':
      return bounded(input.lookup(expression.name), expression.at);
    case 'not':
      return String(!toBoolean(evaluate(expression.operand, input), expression.operand));
    case 'call':
      return String(evaluateCall(expression.name, expression.args, input));
    case 'binary':
      return String(evaluateBinary(expression.operator, expression.left, expression.right, input));
    default:
      return assertNever(expression);
  }
}

/**
 * Whether a condition holds. Every value is text; truth is asked only where it is needed. Throws `AppError` with the
 * column for a value that is neither true nor false, a broken pattern, or too much work.
 */
export function evaluateCondition(expression: Expression, input: ConditionInput): boolean {
  const value = evaluate(expression, input);
  if (value.length > LIMITS.expandedLength) throw conditionError(expression.at, 'the value is too long');
  return toBoolean(value, expression);
}
