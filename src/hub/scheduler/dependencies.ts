import type { StatusName } from '../model.ts';

/** What the rules between the tasks of one build look at. */
export interface LinkedTask {
  readonly id: number;
  readonly name: string;
  readonly status: StatusName;
  readonly allowFailures: boolean;
  readonly needs: readonly number[];
}

export interface Change {
  readonly id: number;
  readonly status: 'TRIGGERED' | 'ABORTED';
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

/**
 * Which tasks of a build move on now: CREATED ones whose dependencies have all been met are triggered, those behind a
 * failed or aborted one are aborted, and so on down the chain.
 */
export function settle(tasks: readonly LinkedTask[]): Change[] {
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const changes: Change[] = [];
  for (let moved = true; moved; ) {
    moved = false;
    for (const task of byId.values()) {
      if (task.status !== 'CREATED') continue;
      const needs = task.needs.flatMap((id) => byId.get(id) ?? []);
      const broken = needs.find((need) => isFinal(need.status) && !stands(need));
      const status = broken !== undefined ? 'ABORTED' : needs.every(stands) ? 'TRIGGERED' : undefined;
      if (status === undefined) continue;
      const reason =
        broken === undefined ? null : `task "${broken.name}", which it depends on, ${OUTCOME[broken.status]}`;
      changes.push({ id: task.id, status, reason });
      byId.set(task.id, { ...task, status });
      moved = true;
    }
  }
  return changes;
}

/** The status of a build: CREATED until a task runs, EXECUTING, then what its tasks came to. */
export function buildStatus(tasks: readonly Pick<LinkedTask, 'status' | 'allowFailures'>[]): StatusName {
  if (tasks.every(({ status }) => isFinal(status))) {
    const counted = tasks.filter(({ allowFailures }) => !allowFailures);
    if (counted.some(({ status }) => status === 'FAILED')) return 'FAILED';
    return counted.some(({ status }) => status === 'ABORTED') ? 'ABORTED' : 'COMPLETED';
  }
  const begun = tasks.some(({ status }) => status === 'EXECUTING' || status === 'FAILED' || status === 'COMPLETED');
  return begun ? 'EXECUTING' : 'CREATED';
}
