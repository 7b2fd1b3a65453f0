import { imageBuildOf } from './dockerfile/prebuild.ts';
import type { Problem } from './problem.ts';
import type { Report } from './report.ts';
import type { TaskDraft } from './task/task-draft.ts';

/** Why a task cannot run on a persistent worker, and where that is written; undefined when it can. */
function reasonOf({ instance, cloud, kind }: TaskDraft): { at: number; message: string; hint: string } | undefined {
  const hint = 'use persistent_worker with labels or an isolation instead';
  if (cloud !== undefined) return { at: cloud.at, message: `"${cloud.key}" needs a hosted service`, hint };
  if (instance === undefined) return undefined;
  if (kind !== 'task') {
    return {
      at: instance.at,
      message: `a ${kind} needs a hosted service`,
      hint: 'write a task with persistent_worker',
    };
  }
  if (instance.tag !== 'worker')
    return { at: instance.at, message: `"${instance.field}" needs a hosted service`, hint };
  const build = imageBuildOf(instance);
  if (build === undefined) return undefined;
  const message = 'a Dockerfile needs a hosted service that builds its image';
  return { at: build.at, message, hint: 'build the image beforehand and name it with "image"' };
}

/** Whether nothing but a hosted service could run the task. */
export function isForeign(draft: TaskDraft): boolean {
  return reasonOf(draft) !== undefined;
}

/** A problem for each place that asks for what no persistent worker can offer, in the order of the file. */
export function findForeign(drafts: readonly TaskDraft[], report: Report): Problem[] {
  const reasons = new Map(drafts.flatMap((draft) => reasonOf(draft) ?? []).map((reason) => [reason.at, reason]));
  return [...reasons.values()]
    .sort((left, right) => left.at - right.at)
    .map(({ at, message, hint }) => ({ severity: 'error', ...report.placeOf(at), message, hint }));
}
