import { LIMITS } from './limits.ts';
import type { Problem } from './problem.ts';
import { variableMap } from './task/variable-map.ts';
import { createVariables } from './variables.ts';
import { buildTree } from './yaml/build-tree.ts';
import { isEmptyDocument, lexDocument } from './yaml/lex-document.ts';
import { describeNode } from './yaml/node.ts';

/** Reads a YAML map of variables, with values as written, as in `env` of a configuration. Never throws. */
export function readVariables(text: string): {
  readonly variables: Readonly<Record<string, string>>;
  readonly problems: readonly Problem[];
} {
  const { document, report } = lexDocument(text);
  if (document === undefined || isEmptyDocument(document)) return { variables: {}, problems: report.problems() };
  const { root: value } = buildTree(document, text, report);
  if (value === undefined) return { variables: {}, problems: report.problems() };
  if (value.kind !== 'map') {
    const hint = 'write each variable on a line, as in NAME: value';
    report.error(value.at, `the file must be a map of variables, not ${describeNode(value)}`, hint);
    return { variables: {}, problems: report.problems() };
  }
  const scope = {
    report,
    variables: createVariables({}, { steps: LIMITS.expansionSteps }),
    affectedFiles: [],
    patternBudget: { steps: LIMITS.patternWork },
  };
  const variables = variableMap({ key: 'the file', at: value.at, value, borrowed: false }, scope);
  return { variables: Object.fromEntries(variables ?? []), problems: report.problems() };
}
