import type { Expression } from './syntax.ts';

function literal(expression: Expression): string | undefined {
  return expression.tag === 'literal' ? expression.value : undefined;
}

function truthOf(value: string | undefined): boolean | undefined {
  return value === 'true' ? true : value === 'false' ? false : undefined;
}

/** `$NAME == 'text'`, in either order. */
function demandOf(expression: Expression): readonly [string, string] | undefined {
  if (expression.tag !== 'binary' || expression.operator !== '==') return undefined;
  const { left, right } = expression;
  const [variable, other] = left.tag === 'variable' ? [left, right] : [right, left];
  const value = literal(other);
  return variable.tag === 'variable' && value !== undefined ? [variable.name, value] : undefined;
}

/** Adds what all parts of a conjunction demand of variables; false when two of them contradict each other. */
function collectDemands(expression: Expression, demands: Map<string, string>): boolean {
  if (expression.tag === 'binary' && expression.operator === '&&') {
    return collectDemands(expression.left, demands) && collectDemands(expression.right, demands);
  }
  const [name, value] = demandOf(expression) ?? [];
  if (name === undefined || value === undefined) return true;
  const before = demands.get(name) ?? value;
  demands.set(name, before);
  return before === value;
}

function constantBinary(expression: Extract<Expression, { tag: 'binary' }>): boolean | undefined {
  const { operator, left, right } = expression;
  if (operator === '&&' || operator === '||') {
    const [first, second] = [fold(left), fold(right)];
    const decisive = operator === '||';
    if (first === decisive || second === decisive) return decisive;
    return first === undefined || second === undefined ? undefined : !decisive;
  }
  const [first, second] = [literal(left), literal(right)];
  if (first === undefined || second === undefined) return undefined;
  if (operator === '==') return first === second;
  return operator === '!=' ? first !== second : undefined;
}

function fold(expression: Expression): boolean | undefined {
  if (expression.tag === 'literal') return truthOf(expression.value);
  if (expression.tag === 'binary') return constantBinary(expression);
  if (expression.tag !== 'not') return undefined;
  const operand = fold(expression.operand);
  return operand === undefined ? undefined : !operand;
}

/** The result that a condition has whatever its variables and the changed files are; undefined when it depends. */
export function constantTruth(expression: Expression): boolean | undefined {
  return fold(expression) ?? (collectDemands(expression, new Map()) ? undefined : false);
}
