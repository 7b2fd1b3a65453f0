import { nearest } from '../lib/nearest.ts';
import { expandMatrix, findMatrix, type MatrixBudget } from './expand-matrix.ts';
import { FOREIGN_INSTANCES, INHERITABLE_FIELDS, SERVICE_FIELDS } from './field-names.ts';
import { LIMITS } from './limits.ts';
import type { Report } from './report.ts';
import { describeNode, type Entry, type MapNode } from './yaml/node.ts';

/** The body of one task after its matrix was expanded. */
export interface FoundTask {
  readonly body: MapNode;
  /** Of the task's key. */
  readonly at: number;
  /** `lint` for `lint_task`, `main` for `task`. */
  readonly keyName: string;
}

function nameOf(key: string): string {
  return key === 'task' ? 'main' : key.slice(0, -'task'.length).replace(/_$/, '');
}

function findInTask(entry: Entry, budget: MatrixBudget, report: Report): FoundTask[] {
  const { key, at, value } = entry;
  if (value.kind !== 'map') {
    report.error(
      at,
      `the task "${key}" must be a map, not ${describeNode(value)}`,
      'add persistent_worker and a script',
    );
    return [];
  }
  return expandMatrix(value, at, budget, report).map((body) => ({ body, at, keyName: nameOf(key) }));
}

/** A key at the root that defines nothing is a template if it holds an anchor, and otherwise probably a slip. */
function checkOtherKey({ key, at }: Entry, isTemplate: boolean, report: Report): void {
  if (isTemplate || key.startsWith('.')) return;
  if (SERVICE_FIELDS.some((name) => name === key)) {
    report.warning(at, `"${key}" was a matter of the hosted service and changes nothing here`);
    return;
  }
  const foreign = new Set<string>(FOREIGN_INSTANCES);
  const known = ['task', ...INHERITABLE_FIELDS.filter((name) => !foreign.has(name))];
  const guess = nearest(key, known);
  const hint = guess === undefined ? 'a task ends in "_task"; a template needs an anchor' : `did you mean "${guess}"?`;
  report.warning(at, `"${key}" defines nothing at the root of the file`, hint);
}

/** Whether some anchor was written between the key and the next one. */
function holdsAnchor(entry: Entry, next: Entry | undefined, anchors: readonly number[]): boolean {
  return anchors.some((at) => at >= entry.at && at < (next?.at ?? Number.POSITIVE_INFINITY));
}

/** All tasks of a file in order, every matrix expanded; complains about keys at the root that mean nothing. */
export function findTasks(root: MapNode, anchors: readonly number[], report: Report): FoundTask[] {
  const inherited = root.entries.filter(({ key }) => INHERITABLE_FIELDS.includes(key));
  const inheritedNodes = inherited.reduce((sum, { value }) => sum + value.size, 0);
  const budget: MatrixBudget = { tasks: LIMITS.tasks, nodes: LIMITS.expandedNodes, inheritedNodes };
  return root.entries.flatMap((entry, index) => {
    const { key, at, value } = entry;
    const prefixed = /^task_(.+?)(?:_task)?$/.exec(key)?.[1];
    if (prefixed !== undefined) {
      report.warning(at, `"${key}" begins with "task_", but tasks end in "_task"`, `write "${prefixed}_task"`);
    }
    if (key.endsWith('task')) return findInTask(entry, budget, report);
    const other = /(?:pipe|docker_builder)$/.exec(key)?.[0];
    if (other !== undefined) {
      report.error(
        at,
        `"${key}" cannot run: a ${other} needs the hosted service`,
        'write a task with persistent_worker',
      );
    } else if (INHERITABLE_FIELDS.includes(key) || key === 'matrix') {
      const matrix = key === 'matrix' ? entry : findMatrix(value);
      if (matrix !== undefined) report.error(matrix.at, 'a matrix stands outside of any task', 'move it into a task');
    } else if (prefixed === undefined) {
      checkOtherKey(entry, holdsAnchor(entry, root.entries[index + 1], anchors), report);
    }
    return [];
  });
}
