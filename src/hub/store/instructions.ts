import type { InstructionView, StatusName } from '../model.ts';
import type { InstructionState } from '../scheduler/outcome.ts';
import type { Queries } from './database.ts';

/** What an agent says of one instruction. Absent fields leave what is stored. */
export interface InstructionUpdate {
  readonly name: string;
  readonly status: StatusName;
  readonly exitCode: number | null;
  readonly durationMs: number | null;
  readonly killed: boolean;
}

/** Applies updates by name, in order, so that the last one of a name wins. Returns the names that the task lacks. */
export async function applyUpdates(
  sql: Queries,
  taskId: number,
  updates: readonly InstructionUpdate[],
): Promise<string[]> {
  const unknown: string[] = [];
  for (const { name, status, exitCode, durationMs, killed } of updates) {
    const changed = await sql<{ position: number }[]>`
      UPDATE instructions SET status = ${status}, exit_code = ${exitCode}, duration_ms = ${durationMs},
        killed = ${killed ? 1 : 0}
      WHERE task_id = ${taskId} AND name = ${name} RETURNING position`;
    if (changed.length === 0) unknown.push(name);
  }
  return unknown;
}

type Row = InstructionView & { readonly killed: number; readonly taskId: number };

/** Instructions of a task in their order. */
export async function instructionsOf(sql: Queries, taskId: number): Promise<(InstructionView & InstructionState)[]> {
  const rows = await sql<Row[]>`
    SELECT task_id AS "taskId", name, kind, status, exit_code AS "exitCode", duration_ms AS "durationMs", killed
    FROM instructions WHERE task_id = ${taskId} ORDER BY position`;
  return rows.map(({ name, kind, status, exitCode, durationMs, killed }) => ({
    name,
    kind,
    status,
    exitCode,
    durationMs,
    killed: killed === 1,
  }));
}

export async function hasInstruction(sql: Queries, taskId: number, name: string): Promise<boolean> {
  const rows = await sql`SELECT position FROM instructions WHERE task_id = ${taskId} AND name = ${name}`;
  return rows.length > 0;
}

/** What a task leaves behind when it has stopped: nothing of it runs any more, and nothing more will. */
export async function closeInstructions(sql: Queries, taskId: number): Promise<void> {
  await sql`UPDATE instructions SET status = ${'ABORTED'} WHERE task_id = ${taskId} AND status = ${'EXECUTING'}`;
  await sql`UPDATE instructions SET status = ${'SKIPPED'} WHERE task_id = ${taskId} AND status = ${'CREATED'}`;
}
