import type { RunCause } from '../model.ts';
import type { Queries } from './database.ts';
import { handLock } from './locks.ts';
import { decodeTask } from './task-definition.ts';
import { timeoutSecondsOf } from './task-rules.ts';
import { definitionOf, patchTask, type TaskRecord } from './tasks.ts';

/** What a new run needs that is not the task's own. */
export interface FreshRun {
  readonly id: number;
  readonly clientSecret: string;
  readonly serverSecret: string;
  readonly cause: RunCause;
  /** A worker that gets it only when no other comes. */
  readonly avoidWorkerId: number | null;
}

/**
 * Adds a run in the place of `old`, which keeps its id, secrets, logs and result. The new one begins as CREATED, with
 * the dependencies of the old; what depended on the old depends on the new. Who calls refreshes the build.
 */
export async function insertRun(sql: Queries, old: TaskRecord, fresh: FreshRun, nowMs: number): Promise<void> {
  const { id, clientSecret, serverSecret, cause, avoidWorkerId } = fresh;
  const timeoutSeconds = timeoutSecondsOf(decodeTask(await definitionOf(sql, old.id)));
  await sql`
    INSERT INTO tasks (id, build_id, group_id, name, status, definition, labels, resources, timeout_s, allow_failures,
      created_ms, handouts, slot_held, must_stop, client_secret, server_secret, run, run_cause, previous_id,
      avoid_worker_id, class_id, isolation, stateful, auto_cancel, required_pr_labels, lock_key)
    SELECT ${id}, build_id, group_id, name, ${'CREATED'}, definition, labels, resources, ${timeoutSeconds},
      allow_failures, ${nowMs}, 0, 0, 0, ${clientSecret}, ${serverSecret}, run + 1, ${cause}, id,
      ${avoidWorkerId}, class_id, isolation, stateful, auto_cancel, required_pr_labels, lock_key
    FROM tasks WHERE id = ${old.id}`;
  await sql`
    INSERT INTO instructions (task_id, position, name, kind, status, killed)
    SELECT ${id}, position, name, kind, ${'CREATED'}, 0 FROM instructions WHERE task_id = ${old.id}`;
  await sql`
    INSERT INTO dependencies (task_id, needs_id)
    SELECT ${id}, needs_id FROM dependencies WHERE task_id = ${old.id}`;
  await sql`UPDATE dependencies SET needs_id = ${id} WHERE needs_id = ${old.id}`;
  await patchTask(sql, old.id, { nextId: id });
  await handLock(sql, old.id, id);
}

/** Of these tasks, the runs that were given up. */
export async function givenUpAmong(sql: Queries, ids: readonly number[]): Promise<GivenUp[]> {
  const rows = await sql<{ id: number; nextId: number | null }[]>`
    SELECT id, next_id AS "nextId" FROM tasks WHERE given_up = 1 AND id IN ${sql(ids)}`;
  return rows.map((row) => ({ ...row, givenUp: true }));
}

export type GivenUp = Pick<TaskRecord, 'id' | 'givenUp' | 'nextId'>;
