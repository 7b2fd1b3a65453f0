import type { Task } from '../rpc/gen/cirrus_ci_service_pb.ts';
import { assembleTask, findUniqueLabels } from './assemble-task.ts';
import { type NumberedTask, resolveDependencies } from './dependencies.ts';
import { type FoundTask, findTasks } from './find-tasks.ts';
import { LIMITS } from './limits.ts';
import type { Problem } from './problem.ts';
import type { Report } from './report.ts';
import { evaluateText } from './task/condition-field.ts';
import { readTask, type TaskDraft } from './task/read-task.ts';
import { createVariables, type ExpansionBudget } from './variables.ts';
import { buildTree } from './yaml/build-tree.ts';
import { isEmptyDocument, lexDocument } from './yaml/lex-document.ts';
import { describeNode, type MapNode } from './yaml/node.ts';

export interface ParseInput {
  /** The YAML text. */
  readonly text: string;
  /** Variables known from outside the file: branch, change, what the user passed. They win over those of the file. */
  readonly environment: Readonly<Record<string, string>>;
  /** Paths that the change touches, for `changesInclude` in conditions; none when left out. */
  readonly affectedFiles?: readonly string[];
}

/** `tasks` is empty when any problem is an error. */
export interface ParseResult {
  readonly tasks: readonly Task[];
  readonly problems: readonly Problem[];
}

/** Whether `only_if` keeps the task. It alone may ask for the task's name. */
function isEnabled({ onlyIf, name, scope }: TaskDraft, input: ParseInput, budget: ExpansionBudget): boolean {
  if (onlyIf === undefined || (onlyIf.node.text === '' && onlyIf.node.tag === undefined)) return true;
  const variables = createVariables({ ...input.environment, CIRRUS_TASK_NAME: name }, budget);
  for (const [key, value] of scope.variables.own()) variables.set(key, value);
  return evaluateText(onlyIf.node, onlyIf.at, 'only_if', { ...scope, variables }) ?? true;
}

function readTasks(found: readonly FoundTask[], root: MapNode, input: ParseInput, report: Report): NumberedTask[] {
  const budget: ExpansionBudget = { steps: LIMITS.expansionSteps };
  const patternBudget = { steps: LIMITS.patternWork };
  const affectedFiles = input.affectedFiles ?? [];
  return found.map((task, id) => {
    const variables = createVariables(input.environment, budget);
    const draft = readTask(task, root.entries, { report, variables, affectedFiles, patternBudget });
    return { id, draft, enabled: isEnabled(draft, input, budget) };
  });
}

function assembleTasks(tasks: readonly NumberedTask[], input: ParseInput, report: Report): Task[] {
  const kept = tasks.filter(({ enabled }) => enabled);
  const required = resolveDependencies(tasks, report);
  if (report.hasErrors()) return [];
  const labels = findUniqueLabels(kept);
  return kept.map((task, index) =>
    assembleTask(task, {
      index,
      requiredIds: required.get(task.id) ?? [],
      uniqueLabels: labels.get(task.id) ?? [],
      environment: input.environment,
    }),
  );
}

/**
 * Turns a `.cirrus.yml` into tasks and tells all problems of the file, in its order. Pure: no file, network or clock;
 * never throws on bad input. A file without content has no tasks and no problems.
 */
export function parseConfiguration(input: ParseInput): ParseResult {
  const { document, report } = lexDocument(input.text);
  if (document === undefined || isEmptyDocument(document)) return { tasks: [], problems: report.problems() };
  const { root, anchors } = buildTree(document, input.text, report);
  if (root === undefined) return { tasks: [], problems: report.problems() };
  if (root.kind !== 'map') {
    const hint = 'begin with a task, for example "task:" and below it "  script: make test"';
    report.error(root.at, `the file must be a map of tasks and settings, not ${describeNode(root)}`, hint);
    return { tasks: [], problems: report.problems() };
  }
  const found = findTasks(root, anchors, report);
  const tasks = assembleTasks(readTasks(found, root, input, report), input, report);
  return { tasks: report.hasErrors() ? [] : tasks, problems: report.problems() };
}
