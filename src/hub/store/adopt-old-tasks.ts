import type { Instant } from '../ages.ts';
import { noEffects, refreshBuild } from './build-progress.ts';
import type { Queries } from './database.ts';
import { raiseHubNumber, readHubNumber } from './hub-state.ts';
import { enqueue } from './queue.ts';
import { classOf, decodeTask, isolationKey, placementOf } from './task-definition.ts';
import { definitionOf } from './tasks.ts';

/**
 * Tasks that an older pwagent left open get what it did not know: the class of their queue, and their place in it. Once
 * in the life of a database, since it looks at every open task.
 */
export async function adoptOldTasks(sql: Queries, now: Instant): Promise<void> {
  if ((await readHubNumber(sql, 'adopted')) === 1) return;
  await raiseHubNumber(sql, 'adopted', 1);
  const rows = await sql<{ id: number; buildId: number; status: string }[]>`
    SELECT id, build_id AS "buildId", status FROM tasks
    WHERE class_id = ${''} AND status IN (${'CREATED'}, ${'TRIGGERED'}, ${'SCHEDULED'}, ${'EXECUTING'}) ORDER BY id`;
  for (const { id, status } of rows) {
    const placement = placementOf(decodeTask(await definitionOf(sql, id)));
    await sql`
      UPDATE tasks SET class_id = ${classOf(placement)}, isolation = ${isolationKey(placement.isolation)} WHERE id = ${id}`;
    if (status === 'TRIGGERED') await enqueue(sql, id, now.hubMs);
  }
  for (const buildId of new Set(rows.map((row) => row.buildId))) await refreshBuild(sql, buildId, now, noEffects());
}
