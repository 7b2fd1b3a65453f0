import type { DecisionView } from '../model.ts';
import type { Queries } from './database.ts';

/** Something that the hub decided about a task, kept with its reason. */
export interface Decision {
  readonly kind:
    | 'placed'
    | 'reserved'
    | 'handed-out-again'
    | 'lost'
    | 'run-again'
    | 'refused'
    | 'overdue'
    | 'aborted'
    | 'nobody-offers'
    | 'cancelled'
    | 'superseded'
    | 'triggered';
  readonly taskId: number;
  readonly worker: string | null;
  readonly reason: string;
  /** Of the recorded world that it was made from. */
  readonly worldId?: number | null;
}

export async function recordDecision(sql: Queries, decision: Decision, nowMs: number): Promise<void> {
  const { kind, taskId, worker, reason, worldId = null } = decision;
  await sql`
    INSERT INTO decisions (at_ms, kind, task_id, worker, reason, world_id)
    VALUES (${nowMs}, ${kind}, ${taskId}, ${worker}, ${reason}, ${worldId})`;
}

interface Row {
  id: number;
  atMs: number;
  kind: Decision['kind'];
  taskId: number;
  worker: string | null;
  reason: string;
}

/** Decisions about a task, oldest first, at most a thousand. */
export async function decisionsAbout(sql: Queries, taskId: number): Promise<DecisionView[]> {
  const rows = await sql<Row[]>`
    SELECT id, at_ms AS "atMs", kind, task_id AS "taskId", worker, reason
    FROM decisions WHERE task_id = ${taskId} ORDER BY id LIMIT 1000`;
  return rows.map(({ id, atMs, kind, worker, reason }) => ({
    id: String(id),
    at: new Date(atMs).toISOString(),
    kind,
    taskId: String(taskId),
    worker,
    reason,
  }));
}
