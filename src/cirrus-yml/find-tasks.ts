import { nearest } from '../lib/nearest.ts';
import type { Range } from './alias-uses.ts';
import { expandMatrix, findMatrix, type MatrixBudget } from './expand-matrix.ts';
import { CLOUD_INSTANCES, IDLE_FIELDS, IGNORED_FIELDS, INHERITABLE_FIELDS, SERVICE_FIELDS } from './field-names.ts';
import { LIMITS } from './limits.ts';
import type { Report } from './report.ts';
import type { UnitKind } from './task/task-draft.ts';
import { asMap, describeNode, type Entry, type MapNode } from './yaml/node.ts';

/** The body of one task after its matrix was expanded. */
export interface FoundTask {
  readonly body: MapNode;
  /** Of the task's key. */
  readonly at: number;
  readonly key: string;
  readonly kind: UnitKind;
  /** The text of the task, up to the next key at the root. */
  readonly range: Range;
  /** `lint` for `lint_task`, `main` for `task`. */
  readonly keyName: string;
}

const KINDS: readonly UnitKind[] = ['task', 'pipe', 'docker_builder'];

function kindOf(key: string): UnitKind | undefined {
  return KINDS.find((suffix) => key.endsWith(suffix));
}

function nameOf(key: string, kind: UnitKind): string {
  return key === kind ? 'main' : key.slice(0, -kind.length).replace(/_$/, '');
}

function findInTask(entry: Entry, range: Range, budget: MatrixBudget, report: Report): FoundTask[] {
  const { key, at, value } = entry;
  const kind = kindOf(key) ?? 'task';
  const map = asMap(value);
  if (map === undefined) {
    report.error(
      at,
      `the ${kind} "${key}" must be a map, not ${describeNode(value)}`,
      kind === 'task' ? 'add persistent_worker and a script' : 'write its keys below it',
    );
    return [];
  }
  return expandMatrix(map, at, budget, report).map((body) => ({
    body,
    at,
    key,
    kind,
    range,
    keyName: nameOf(key, kind),
  }));
}

/** A key at the root that defines nothing is a template if it holds an anchor, and otherwise probably a slip. */
function checkOtherKey({ key, at }: Entry, isTemplate: boolean, report: Report): void {
  if (isTemplate || key.startsWith('.')) return;
  const hint = () => {
    const rare = new Set<string>([...CLOUD_INSTANCES, ...SERVICE_FIELDS]);
    const guess = nearest(key, ['task', ...INHERITABLE_FIELDS.filter((name) => !rare.has(name))]);
    return guess === undefined ? 'a task ends in "_task"; a template needs an anchor' : `did you mean "${guess}"?`;
  };
  report.unknown(at, `"${key}" defines nothing at the root of the file`, hint);
}

/** Whether some anchor was written between the key and the next one. */
function holdsAnchor(entry: Entry, next: Entry | undefined, anchors: readonly number[]): boolean {
  return anchors.some((at) => at >= entry.at && at < (next?.at ?? Number.POSITIVE_INFINITY));
}

/** From each key at the root to the next one that was written there. */
function findEnds(root: MapNode): ReadonlyMap<number, number> {
  const starts = root.entries.flatMap(({ at, borrowed }) => (borrowed ? [] : [at]));
  return new Map(starts.map((at, index) => [at, starts[index + 1] ?? Number.POSITIVE_INFINITY]));
}

/** All tasks of a file in order, every matrix expanded; complains about keys at the root that mean nothing. */
export function findTasks(root: MapNode, anchors: readonly number[], report: Report): FoundTask[] {
  const inherited = root.entries.filter(({ key }) => INHERITABLE_FIELDS.includes(key));
  const inheritedNodes = inherited.reduce((sum, { value }) => sum + value.size, 0);
  const budget: MatrixBudget = { tasks: LIMITS.tasks, nodes: LIMITS.expandedNodes, inheritedNodes };
  const ends = findEnds(root);
  return root.entries.flatMap((entry, index) => {
    const { key, at, value } = entry;
    const prefixed = /^task_(.+?)(?:_task)?$/.exec(key)?.[1];
    if (prefixed !== undefined) {
      report.warning(at, `"${key}" begins with "task_", but tasks end in "_task"`, `write "${prefixed}_task"`);
    }
    if (kindOf(key) !== undefined) {
      const range = { start: at, end: ends.get(at) ?? at };
      return findInTask(entry, range, budget, report.within(range));
    }
    if ([...IDLE_FIELDS, ...IGNORED_FIELDS].some((name) => name === key)) {
      report.warning(at, `"${key}" was a matter of the hosted service and changes nothing here`);
    } else if (INHERITABLE_FIELDS.includes(key) || key === 'matrix') {
      const matrix = key === 'matrix' ? entry : findMatrix(value);
      if (matrix !== undefined) report.error(matrix.at, 'a matrix stands outside of any task', 'move it into a task');
    } else if (prefixed === undefined) {
      checkOtherKey(entry, holdsAnchor(entry, root.entries[index + 1], anchors), report);
    }
    return [];
  });
}
