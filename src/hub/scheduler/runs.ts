import type { RunCause, StatusName } from '../model.ts';

/** What a rule about re-runs looks at. */
export interface EndedRun {
  readonly id: number;
  readonly name: string;
  readonly status: StatusName;
  readonly runCause: RunCause;
  readonly stateful: boolean;
  readonly startedMs: number | null;
  readonly mustStop: boolean;
}

export type AfterLoss =
  | { readonly kind: 'run-again'; readonly reason: string }
  | { readonly kind: 'end'; readonly status: 'FAILED' | 'ABORTED'; readonly reason: string };

/** What becomes of a task whose worker was lost: it runs once more by itself, and once only. */
export function afterLoss(run: EndedRun, loss: string): AfterLoss {
  if (run.mustStop) return { kind: 'end', status: 'ABORTED', reason: `${loss}, while it was to be stopped` };
  if (run.runCause === 'lost') {
    return {
      kind: 'end',
      status: 'FAILED',
      reason: `${loss}; the run before was lost as well, so it does not run again`,
    };
  }
  if (run.stateful && run.startedMs !== null) {
    const hint = 'it is stateful and had begun, so only people run it again';
    return { kind: 'end', status: 'FAILED', reason: `${loss}; ${hint}` };
  }
  return { kind: 'run-again', reason: loss };
}

/** Of the tasks of a build, those that came to nothing: what "run the failed ones again" means. */
export function failedOnes<T extends { readonly status: StatusName }>(tasks: readonly T[]): T[] {
  return tasks.filter(({ status }) => status === 'FAILED' || status === 'ABORTED');
}

/** `id` and the tasks behind it, as far as they were aborted: they run again with it. */
export function withAbortedBehind(
  id: number,
  tasks: readonly { readonly id: number; readonly status: StatusName; readonly needs: readonly number[] }[],
): number[] {
  const chosen = new Set([id]);
  for (let before = 0; before !== chosen.size; ) {
    before = chosen.size;
    for (const task of tasks) {
      if (task.status === 'ABORTED' && task.needs.some((need) => chosen.has(need))) chosen.add(task.id);
    }
  }
  return [...chosen];
}
