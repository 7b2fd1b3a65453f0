import type { Expression } from './syntax.ts';

/** Literals that a variable must equal for a conjunction to hold. */
type Demands = ReadonlyMap<string, string>;

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

/** What all parts of a conjunction demand together; undefined when two of them contradict each other. */
function demandsOf(expression: Expression): Demands | undefined {
  if (expression.tag === 'binary' && expression.operator === '&&') {
    const [left, right] = [demandsOf(expression.left), demandsOf(expression.right)];
    if (left === undefined || right === undefined) return undefined;
    if ([...left].some(([name, value]) => right.has(name) && right.get(name) !== value)) return undefined;
    return new Map([...left, ...right]);
  }
  const demand = demandOf(expression);
  return new Map(demand === undefined ? [] : [demand]);
}

function constantBinary(expression: Extract<Expression, { tag: 'binary' }>): boolean | undefined {
  const { operator, left, right } = expression;
  if (operator === '&&' || operator === '||') {
    const [first, second] = [constantTruth(left), constantTruth(right)];
    const decisive = operator === '||';
    if (first === decisive || second === decisive) return decisive;
    if (operator === '&&' && demandsOf(expression) === undefined) return false;
    return first === undefined || second === undefined ? undefined : !decisive;
  }
  const [first, second] = [literal(left), literal(right)];
  if (first === undefined || second === undefined) return undefined;
  if (operator === '==') return first === second;
  return operator === '!=' ? first !== second : undefined;
}

/** The result that a condition has whatever its variables and the changed files are; undefined when it depends. */
export function constantTruth(expression: Expression): boolean | undefined {
  if (expression.tag === 'literal') return truthOf(expression.value);
  if (expression.tag === 'binary') return constantBinary(expression);
  if (expression.tag !== 'not') return undefined;
  const operand = constantTruth(expression.operand);
  return operand === undefined ? undefined : !operand;
}
