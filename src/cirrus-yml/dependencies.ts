import { nearest } from '../lib/nearest.ts';
import type { Report } from './report.ts';
import type { TaskDraft } from './task/task-draft.ts';

/** A task among its neighbours: its number in the file, and whether its `only_if` keeps it. */
export interface NumberedTask {
  readonly id: number;
  readonly draft: TaskDraft;
  readonly enabled: boolean;
}

type NameIndex = ReadonlyMap<string, readonly NumberedTask[]>;

function indexByName(tasks: readonly NumberedTask[]): NameIndex {
  const index = new Map<string, NumberedTask[]>();
  for (const task of tasks) {
    for (const name of new Set([task.draft.name, task.draft.alias])) {
      if (name === '') continue;
      const known = index.get(name);
      if (known === undefined) index.set(name, [task]);
      else known.push(task);
    }
  }
  return index;
}

function explainMissing(name: string, tasks: readonly NumberedTask[]): string {
  const hidden = tasks.find(({ draft }) => draft.keyName === name);
  if (hidden !== undefined) return `that task calls itself "${hidden.draft.name}": write this name`;
  const guess = nearest(name, new Set(tasks.slice(0, 500).flatMap(({ draft }) => [draft.name, draft.alias])));
  if (guess !== undefined) return `did you mean "${guess}"?`;
  const names = [...new Set(tasks.map(({ draft }) => draft.name))].slice(0, 10);
  return `tasks of this file: ${names.join(', ')}`;
}

/** Ids that one task waits for, ascending. Names that match nothing are errors, disabled tasks are left out. */
function resolveOne(task: NumberedTask, index: NameIndex, tasks: readonly NumberedTask[], report: Report): number[] {
  const ids = new Set<number>();
  for (const { text, at } of task.draft.dependsOn) {
    const targets = index.get(text) ?? [];
    if (targets.length === 0) {
      // A task that is left out needs nothing in this build, but the slip waits for the next one.
      const tell = task.enabled ? report.error : report.warning;
      tell(at, `"${task.draft.name}" depends on "${text}", which is no task`, () => explainMissing(text, tasks));
    } else if (task.enabled && !targets.some(({ enabled }) => enabled)) {
      report.warning(task.draft.at, `"${task.draft.name}" does not wait for "${text}", which its only_if leaves out`);
    }
    for (const target of targets) if (target.enabled) ids.add(target.id);
  }
  return [...ids].sort((left, right) => left - right);
}

function reverse(edges: ReadonlyMap<number, readonly number[]>): Map<number, number[]> {
  const reversed = new Map([...edges.keys()].map((id): [number, number[]] => [id, []]));
  for (const [id, targets] of edges) for (const target of targets) reversed.get(target)?.push(id);
  return reversed;
}

/** Takes away, again and again, what leads nowhere; the ids that are left lead into circles. */
function leadingToCircles(edges: ReadonlyMap<number, readonly number[]>): Set<number> {
  const open = new Map([...edges].map(([id, targets]) => [id, targets.length]));
  const sources = reverse(edges);
  const ended = [...edges.keys()].filter((id) => open.get(id) === 0);
  for (let id = ended.pop(); id !== undefined; id = ended.pop()) {
    open.delete(id);
    for (const source of sources.get(id) ?? []) {
      const left = (open.get(source) ?? 0) - 1;
      open.set(source, left);
      if (left === 0) ended.push(source);
    }
  }
  return new Set(open.keys());
}

/** Follows the first open edge of each task until one comes again; that is a circle. Empty when there is none. */
function findCircle(required: ReadonlyMap<number, readonly number[]>): number[] {
  const stuck = leadingToCircles(required);
  const path: number[] = [];
  let next = [...required.keys()].find((id) => stuck.has(id));
  const positions = new Map<number, number>();
  while (next !== undefined) {
    const known = positions.get(next);
    if (known !== undefined) return path.slice(known);
    positions.set(next, path.push(next) - 1);
    next = required.get(next)?.find((id) => stuck.has(id));
  }
  return [];
}

const MAX_SPELLED = 10;

function spellCircle(names: readonly string[]): string {
  const [first = ''] = names;
  if (names.length === 1) return `"${first}" waits for itself and can never start`;
  const steps = names.map(
    (name, index) => `"${name}"${index === 0 ? ' waits' : ''} for "${names[index + 1] ?? first}"`,
  );
  const shown = steps.length <= MAX_SPELLED ? steps : [...steps.slice(0, MAX_SPELLED), '…', ...steps.slice(-1)];
  return `these tasks can never start: ${shown.join(', ')}`;
}

/** For each task the ids of those it waits for. Reports unknown names and circles. */
export function resolveDependencies(
  tasks: readonly NumberedTask[],
  report: Report,
): ReadonlyMap<number, readonly number[]> {
  const index = indexByName(tasks);
  const resolved = tasks.map((task) => ({ task, ids: resolveOne(task, index, tasks, report) }));
  const required = new Map(resolved.filter(({ task }) => task.enabled).map(({ task, ids }) => [task.id, ids]));
  const circle = findCircle(required);
  const drafts = circle.flatMap((id) => tasks[id]?.draft ?? []);
  const [first] = drafts;
  if (first !== undefined) {
    const message = spellCircle(drafts.map(({ name }) => name));
    report.error(first.dependsOn[0]?.at ?? first.at, message, 'remove one of their depends_on');
  }
  return required;
}
