import { AppError } from '../../lib/errors.ts';
import { evaluateCondition } from '../condition/evaluate-condition.ts';
import { parseCondition } from '../condition/parse-condition.ts';
import type { TextNode } from '../yaml/node.ts';
import { type Reader, reader, reportKind } from './reader.ts';
import { CONDITION } from './schemas.ts';
import type { Scope } from './scope.ts';

const MAX_CONDITION_LENGTH = 10_000;

/** Evaluates the condition in `node`; `at` is where to complain when the place inside the text is not known. */
export function evaluateText(node: TextNode, at: number, key: string, scope: Scope): boolean | undefined {
  const { report, variables, affectedFiles, patternBudget } = scope;
  if (node.tag?.startsWith('!')) {
    report.error(at, `"${key}" begins with "!", which YAML takes for a tag`, 'put the whole condition in quotes');
    return undefined;
  }
  if (node.text.length > MAX_CONDITION_LENGTH) {
    report.error(at, `the condition is longer than ${MAX_CONDITION_LENGTH} characters`);
    return undefined;
  }
  try {
    const { lookup, expand } = variables;
    return evaluateCondition(parseCondition(node.text), { lookup, expand, affectedFiles, budget: patternBudget });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const column = error.place?.column ?? 1;
    report.error(
      node.verbatimAt === undefined ? at : node.verbatimAt + column - 1,
      `${key}: ${error.message}`,
      error.hint,
    );
    return undefined;
  }
}

/** A condition; the empty one is a mistake. */
export const condition: Reader<boolean> = reader(CONDITION, (entry, scope) => {
  const { key, at, value } = entry;
  if (value.kind !== 'text') return reportKind(entry, 'a condition', scope);
  if (value.text === '' && value.tag === undefined) {
    scope.report.error(at, `"${key}" is empty`, 'write true, false or a condition');
    return undefined;
  }
  return evaluateText(value, at, key, scope);
});
