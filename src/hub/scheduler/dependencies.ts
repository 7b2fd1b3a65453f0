import type { Hold, StatusName } from '../model.ts';

/** What the rules between the tasks of one build look at. */
export interface LinkedTask {
  readonly id: number;
  readonly name: string;
  readonly status: StatusName;
  readonly allowFailures: boolean;
  readonly needs: readonly number[];
  /** What keeps it back now. */
  readonly hold: Hold | null;
  /** What will keep it back once its dependencies are met. */
  readonly gate: 'manual' | 'pr-labels' | null;
}

/** `CREATED` tells of a task whose dependencies are met and that `hold` keeps back. */
export interface Change {
  readonly id: number;
  readonly status: 'CREATED' | 'TRIGGERED' | 'ABORTED';
  readonly hold: Hold | null;
  readonly reason: string | null;
}

const FINAL: ReadonlySet<StatusName> = new Set(['ABORTED', 'FAILED', 'COMPLETED', 'SKIPPED']);

/** Whether a task or instruction of that status has ended for good. */
export function isFinal(status: StatusName): boolean {
  return FINAL.has(status);
}

const stands = ({ status, allowFailures }: LinkedTask) =>
  status === 'COMPLETED' || status === 'SKIPPED' || (isFinal(status) && allowFailures);

const OUTCOME: Partial<Record<StatusName, string>> = { FAILED: 'failed', ABORTED: 'was aborted' };

/** A dependency of the task that has ended and was not met. */
export function brokenNeed(id: number, tasks: readonly LinkedTask[]): LinkedTask | undefined {
  const needs = tasks.find((task) => task.id === id)?.needs ?? [];
  return tasks.find((task) => needs.includes(task.id) && isFinal(task.status) && !stands(task));
}

function moveOf(task: LinkedTask, needs: readonly LinkedTask[]): Change | undefined {
  const { id, gate, hold } = task;
  const broken = needs.find((need) => isFinal(need.status) && !stands(need));
  if (broken !== undefined) {
    const reason = `task "${broken.name}", which it depends on, ${OUTCOME[broken.status]}`;
    return { id, status: 'ABORTED', hold: null, reason };
  }
  if (!needs.every(stands)) return undefined;
  if (gate === null) return { id, status: 'TRIGGERED', hold: null, reason: null };
  return gate === hold ? undefined : { id, status: 'CREATED', hold: gate, reason: null };
}

/**
 * Which tasks of a build move on now: CREATED ones whose dependencies have all been met (a skipped one counts as met)
 * are triggered, or kept back by their gate; those behind a failed or aborted one are aborted, and so on down the chain.
 */
export function settle(tasks: readonly LinkedTask[]): Change[] {
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const changes: Change[] = [];
  for (let moved = true; moved; ) {
    moved = false;
    for (const task of byId.values()) {
      if (task.status !== 'CREATED') continue;
      const change = moveOf(
        task,
        task.needs.flatMap((id) => byId.get(id) ?? []),
      );
      if (change === undefined) continue;
      changes.push(change);
      byId.set(task.id, { ...task, status: change.status, hold: change.hold });
      moved = true;
    }
  }
  return changes;
}

/** Tasks that wait for people, and what waits for those. */
function parkedTasks(tasks: readonly LinkedTask[]): Set<number> {
  const parked = new Set(tasks.filter(({ status, hold }) => status === 'CREATED' && hold !== null).map(({ id }) => id));
  for (let before = -1; before !== parked.size; ) {
    before = parked.size;
    for (const { id, status, needs } of tasks) {
      if (status === 'CREATED' && needs.some((need) => parked.has(need))) parked.add(id);
    }
  }
  return parked;
}

/**
 * The status of a build: CREATED until a task runs, EXECUTING, then what its tasks came to. Tasks that wait for people
 * do not keep it open, since nobody may ever come; when they go on, it is EXECUTING again.
 */
export function buildStatus(tasks: readonly LinkedTask[]): StatusName {
  const parked = parkedTasks(tasks);
  const active = tasks.filter(({ id }) => !parked.has(id));
  const over = active.length > 0 || tasks.length === 0;
  if (over && active.every(({ status }) => isFinal(status))) {
    const counted = active.filter(({ allowFailures }) => !allowFailures);
    if (counted.some(({ status }) => status === 'FAILED')) return 'FAILED';
    return counted.some(({ status }) => status === 'ABORTED') ? 'ABORTED' : 'COMPLETED';
  }
  const begun = tasks.some(({ status }) => status === 'EXECUTING' || status === 'FAILED' || status === 'COMPLETED');
  return begun ? 'EXECUTING' : 'CREATED';
}
