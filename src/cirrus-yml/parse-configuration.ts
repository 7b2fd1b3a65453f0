import type { Task } from '../rpc/gen/cirrus_ci_service_pb.ts';
import { assembleTask, findUniqueLabels, labelsOf } from './assemble-task.ts';
import { checkConditions } from './check-conditions.ts';
import { type NumberedTask, resolveDependencies } from './dependencies.ts';
import type { SourceFiles } from './dockerfile/hash-dockerfile.ts';
import { assemblePrebuild, type Prebuild, planPrebuilds } from './dockerfile/prebuild.ts';
import { type EncryptedValue, reportEncryptedValues } from './encrypted-values.ts';
import { INHERITABLE_FIELDS } from './field-names.ts';
import { type FoundTask, findTasks } from './find-tasks.ts';
import { findForeign } from './foreign.ts';
import { LIMITS } from './limits.ts';
import { type PlanInput, type PlannedTask, planTasks } from './plan.ts';
import type { Problem } from './problem.ts';
import type { Report } from './report.ts';
import { evaluateText } from './task/condition-field.ts';
import { readTask } from './task/read-task.ts';
import type { TaskDraft } from './task/task-draft.ts';
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
  /** Files that the configuration refers to. Without it no image is planned for a Dockerfile. */
  readonly files?: SourceFiles;
  /** Whether tasks also get the properties that only the hosted service understood, such as `trigger_type`. */
  readonly declaredProperties?: boolean;
}

/** `tasks` and `plan` are empty when any problem is an error. */
export interface ParseResult {
  readonly tasks: readonly Task[];
  readonly problems: readonly Problem[];
  /** What no persistent worker can run. No mistake of the file, but a reason not to start it; all are errors. */
  readonly foreign: readonly Problem[];
  readonly plan: readonly PlannedTask[];
  /** Values of the file that only the hosted service could read, each at its place. */
  readonly encrypted: readonly EncryptedValue[];
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
  const defaults = root.entries.filter(({ key }) => INHERITABLE_FIELDS.includes(key));
  return found.map((task, id) => {
    const variables = createVariables(input.environment, budget);
    const scope = { report: report.within(task.range), variables, affectedFiles, patternBudget };
    const draft = readTask(task, defaults, scope);
    checkConditions(draft);
    return { id, draft, enabled: isEnabled(draft, input, budget) };
  });
}

/** Tasks that `only_if` keeps, with what the whole file says about them. */
interface Resolved extends PlanInput {
  readonly kept: readonly NumberedTask[];
}

function resolve(tasks: readonly NumberedTask[], input: ParseInput, report: Report): Resolved {
  const kept = tasks.filter(({ enabled }) => enabled);
  const required = resolveDependencies(tasks, report);
  const prebuilds: ReadonlyMap<number, Prebuild> =
    input.files === undefined ? new Map() : planPrebuilds(kept, tasks.length, input.files, report);
  const labelled = [
    ...kept.map(({ id, draft }) => ({ id, name: draft.name, labels: labelsOf(draft, draft.instance) })),
    ...[...new Set(prebuilds.values())].map(({ id, name, draft }) => ({
      id,
      name,
      labels: labelsOf(draft, undefined),
    })),
  ];
  return { tasks, kept, required, prebuilds, labels: findUniqueLabels(labelled) };
}

function assembleTasks({ kept, required, prebuilds, labels }: Resolved, input: ParseInput): Task[] {
  const { environment, declaredProperties = false } = input;
  const messages = kept.map((task, index) => {
    const prebuild = prebuilds.get(task.id);
    return assembleTask(task, {
      index,
      requiredIds: [...(required.get(task.id) ?? []), ...(prebuild === undefined ? [] : [prebuild.id])],
      uniqueLabels: labels.get(task.id) ?? [],
      environment,
      dockerfileHash: prebuild?.hash,
      declaredProperties,
    });
  });
  const images = [...new Set(prebuilds.values())].map((prebuild, index) =>
    assemblePrebuild(prebuild, kept.length + index, labels.get(prebuild.id) ?? []),
  );
  return [...messages, ...images];
}

function readRoot(text: string): { root: MapNode | undefined; anchors: readonly number[]; report: Report } {
  const { document, report } = lexDocument(text);
  if (document === undefined || isEmptyDocument(document)) return { root: undefined, anchors: [], report };
  const { root, anchors } = buildTree(document, text, report);
  if (root === undefined || root.kind === 'map') return { root, anchors, report };
  const hint = 'begin with a task, for example "task:" and below it "  script: make test"';
  report.error(root.at, `the file must be a map of tasks and settings, not ${describeNode(root)}`, hint);
  return { root: undefined, anchors, report };
}

/**
 * Turns a `.cirrus.yml` into tasks and tells all problems of the file, in its order. Pure: no file, network or clock
 * but what `files` reads; never throws on bad input. A file without content has no tasks and no problems.
 */
export function parseConfiguration(input: ParseInput): ParseResult {
  const { root, anchors, report } = readRoot(input.text);
  if (root === undefined) return { tasks: [], problems: report.problems(), foreign: [], plan: [], encrypted: [] };
  const encrypted = reportEncryptedValues(root, report);
  const tasks = readTasks(findTasks(root, anchors, report), root, input, report);
  const resolved = resolve(tasks, input, report);
  const foreign = findForeign(
    resolved.kept.map(({ draft }) => draft),
    report,
  );
  if (report.hasErrors()) return { tasks: [], problems: report.problems(), foreign, plan: [], encrypted };
  return {
    tasks: assembleTasks(resolved, input),
    problems: report.problems(),
    foreign,
    plan: planTasks(resolved, report),
    encrypted,
  };
}
