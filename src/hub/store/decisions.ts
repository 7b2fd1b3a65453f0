import type { Queries } from './database.ts';

/** Something that the hub decided about a task, kept with its reason. */
export interface Decision {
  readonly kind: 'placed' | 'handed-out-again' | 'lost' | 'refused' | 'overdue' | 'aborted' | 'nobody-offers';
  readonly taskId: number;
  readonly worker: string | null;
  readonly reason: string;
}

export async function recordDecision(sql: Queries, decision: Decision, nowMs: number): Promise<void> {
  const { kind, taskId, worker, reason } = decision;
  await sql`
    INSERT INTO decisions (at_ms, kind, task_id, worker, reason)
    VALUES (${nowMs}, ${kind}, ${taskId}, ${worker}, ${reason})`;
}

/** Decisions about a task, oldest first. */
export async function decisionsAbout(sql: Queries, taskId: number): Promise<Decision[]> {
  const rows = await sql<Decision[]>`
    SELECT kind, task_id AS "taskId", worker, reason FROM decisions WHERE task_id = ${taskId} ORDER BY id`;
  return [...rows];
}
