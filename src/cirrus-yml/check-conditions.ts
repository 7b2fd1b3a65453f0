import { AppError } from '../lib/errors.ts';
import { constantTruth } from './condition/constant.ts';
import { parseCondition } from './condition/parse-condition.ts';
import type { ConditionText, TaskDraft } from './task/task-draft.ts';

/** The same as text for every build, or undefined; broken conditions are told where they are evaluated. */
function constant(condition: ConditionText | undefined): boolean | undefined {
  if (condition === undefined || condition.node.text === '') return undefined;
  try {
    return constantTruth(parseCondition(condition.node.text));
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

/**
 * Warns about a task that no build can ever run. A bare `only_if: false` is left alone: it is how people switch a
 * task or a template off.
 */
export function checkConditions({ name, onlyIf, skipText, scope }: TaskDraft): void {
  const literally = onlyIf?.node.text.trim() === 'false';
  if (onlyIf !== undefined && !literally && constant(onlyIf) === false) {
    const message = `"${name}" can never run: its only_if is false whatever the variables are`;
    scope.report.warning(onlyIf.at, message, 'correct the condition, or write only_if: false to switch the task off');
  }
  if (skipText !== undefined && skipText.node.text.trim() !== 'true' && constant(skipText) === true) {
    const message = `"${name}" can never run: its skip is true whatever the variables are`;
    scope.report.warning(skipText.at, message, 'correct the condition, or write skip: true');
  }
}
