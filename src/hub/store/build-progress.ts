import { buildStatus, isFinal, settle } from '../scheduler/dependencies.ts';
import { findBuild, setBuildStatus } from './builds.ts';
import type { Queries } from './database.ts';
import { recordDecision } from './decisions.ts';
import { closeInstructions } from './instructions.ts';
import { linkedTasks, patchTask } from './tasks.ts';

/** After a change of a task: moves on the tasks behind it and the build's own status. */
export async function refreshBuild(sql: Queries, buildId: number, nowMs: number): Promise<void> {
  const tasks = await linkedTasks(sql, buildId);
  const changes = settle(tasks);
  for (const { id, status, reason } of changes) {
    if (status === 'TRIGGERED') {
      await patchTask(sql, id, { status, triggeredMs: nowMs });
      continue;
    }
    await patchTask(sql, id, { status, reason, finishedMs: nowMs });
    await closeInstructions(sql, id);
    await recordDecision(sql, { kind: 'aborted', taskId: id, worker: null, reason: reason ?? '' }, nowMs);
  }
  const moved = new Map(changes.map(({ id, status }) => [id, status]));
  const status = buildStatus(tasks.map((task) => ({ ...task, status: moved.get(task.id) ?? task.status })));
  const build = await findBuild(sql, buildId);
  if (build !== undefined && build.status !== status) {
    await setBuildStatus(sql, buildId, status, isFinal(status) ? nowMs : null);
  }
}
