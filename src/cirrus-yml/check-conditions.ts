import { AppError } from '../lib/errors.ts';
import { constantTruth } from './condition/constant.ts';
import { parseCondition } from './condition/parse-condition.ts';
import type { Expression } from './condition/syntax.ts';
import type { Report } from './report.ts';
import type { ConditionText, TaskDraft } from './task/task-draft.ts';

/** The parsed condition, or undefined; broken conditions are told where they are evaluated. */
function parse(condition: ConditionText | undefined): Expression | undefined {
  if (condition === undefined || condition.node.text === '') return undefined;
  try {
    return parseCondition(condition.node.text);
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

/** Whether a `|` stands outside of all groups and classes of a pattern. */
function hasOuterAlternative(pattern: string): boolean {
  const outside = pattern.replaceAll(/\\.|\[(?:\\.|[^\]])*\]/gs, '');
  let depth = 0;
  for (const character of outside) {
    if (character === '(') depth += 1;
    else if (character === ')') depth -= 1;
    else if (character === '|' && depth === 0) return true;
  }
  return false;
}

/** `a|b` matches what begins with `a` or ends with `b`: as the reference does it, and hardly ever meant. */
function warnOfAlternatives(expression: Expression, condition: ConditionText, report: Report): void {
  if (expression.tag === 'not') warnOfAlternatives(expression.operand, condition, report);
  if (expression.tag !== 'binary') return;
  const { operator, left, right } = expression;
  const isPattern = (operator === '=~' || operator === '!=~') && right.tag === 'literal';
  if (isPattern && hasOuterAlternative(right.value)) {
    const { verbatimAt } = condition.node;
    const place = verbatimAt === undefined ? condition.at : verbatimAt + right.at;
    const message = `the pattern "${right.value}" matches what begins with its first or ends with its last alternative`;
    report.warning(place, message, `write (${right.value}) for one of them as a whole`);
  }
  for (const side of [left, right]) warnOfAlternatives(side, condition, report);
}

/**
 * Warns about a task that no build can ever run. A bare `only_if: false` is left alone: it is how people switch a
 * task or a template off.
 */
export function checkConditions({ name, onlyIf, skipText, scope }: TaskDraft): void {
  const [keeps, skips] = [parse(onlyIf), parse(skipText)];
  if (onlyIf !== undefined && keeps !== undefined) {
    warnOfAlternatives(keeps, onlyIf, scope.report);
    if (onlyIf.node.text.trim() !== 'false' && constantTruth(keeps) === false) {
      const message = `"${name}" can never run: its only_if is false whatever the variables are`;
      scope.report.warning(onlyIf.at, message, 'correct the condition, or write only_if: false to switch the task off');
    }
  }
  if (skipText !== undefined && skips !== undefined) {
    warnOfAlternatives(skips, skipText, scope.report);
    if (skipText.node.text.trim() !== 'true' && constantTruth(skips) === true) {
      const message = `"${name}" can never run: its skip is true whatever the variables are`;
      scope.report.warning(skipText.at, message, 'correct the condition, or write skip: true');
    }
  }
}
