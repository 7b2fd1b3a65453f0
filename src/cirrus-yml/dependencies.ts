import type { Report } from './report.ts';
import type { TaskDraft } from './task/read-task.ts';

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
  const names = [...new Set(tasks.map(({ draft }) => draft.name))].slice(0, 10);
  return `tasks of this file: ${names.join(', ')}`;
}

/** Ids that one task waits for, ascending. Names that match nothing are errors, disabled tasks are left out. */
function resolveOne(task: NumberedTask, index: NameIndex, tasks: readonly NumberedTask[], report: Report): number[] {
  const ids = new Set<number>();
  for (const { text, at } of task.draft.dependsOn) {
    const targets = index.get(text) ?? [];
    if (targets.length === 0) {
      report.error(at, `"${task.draft.name}" depends on "${text}", which is no task`, explainMissing(text, tasks));
    } else if (!targets.some(({ enabled }) => enabled)) {
      report.warning(task.draft.at, `"${task.draft.name}" does not wait for "${text}", which its only_if leaves out`);
    }
    for (const target of targets) if (target.enabled) ids.add(target.id);
  }
  return [...ids].sort((left, right) => left - right);
}

/** Takes away, again and again, what waits for nothing; what is left waits for itself. */
function findCycle(required: ReadonlyMap<number, readonly number[]>): number[] {
  const waitingFor = new Map([...required].map(([id, ids]) => [id, ids.length]));
  const waiters = new Map<number, number[]>();
  for (const [id, ids] of required) for (const other of ids) waiters.set(other, [...(waiters.get(other) ?? []), id]);
  const free = [...required.keys()].filter((id) => waitingFor.get(id) === 0);
  for (let id = free.pop(); id !== undefined; id = free.pop()) {
    waitingFor.delete(id);
    for (const waiter of waiters.get(id) ?? []) {
      const left = (waitingFor.get(waiter) ?? 0) - 1;
      waitingFor.set(waiter, left);
      if (left === 0) free.push(waiter);
    }
  }
  return [...waitingFor.keys()];
}

/** For each task the ids of those it waits for. Reports unknown names and circles. */
export function resolveDependencies(
  tasks: readonly NumberedTask[],
  report: Report,
): ReadonlyMap<number, readonly number[]> {
  const index = indexByName(tasks);
  const kept = tasks.filter(({ enabled }) => enabled);
  const required = new Map(kept.map((task) => [task.id, resolveOne(task, index, tasks, report)]));
  const stuck = findCycle(required);
  const first = kept.find(({ id }) => stuck.includes(id))?.draft;
  if (first !== undefined) {
    const names = [...new Set(kept.filter(({ id }) => stuck.includes(id)).map(({ draft }) => `"${draft.name}"`))];
    const message = `these tasks wait for each other and can never start: ${names.join(', ')}`;
    report.error(first.dependsOn[0]?.at ?? first.at, message, 'remove one of their depends_on');
  }
  return required;
}
