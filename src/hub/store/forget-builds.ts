import { dropArtifactsOf } from './artifacts.ts';
import type { Queries } from './database.ts';

/** Rows that belong to a task and go with it, by the column that names it. Those that others refer to come last. */
export const TASK_ROWS: readonly (readonly [table: string, column: string])[] = [
  ['dependencies', 'task_id'],
  ['dependencies', 'needs_id'],
  ['instructions', 'task_id'],
  ['log_chunks', 'task_id'],
  ['log_tail', 'task_id'],
  ['log_segments', 'task_id'],
  ['logs', 'task_id'],
  ['decisions', 'task_id'],
  ['queue', 'task_id'],
  ['locks', 'task_id'],
  ['annotations', 'task_id'],
  ['agent_notes', 'task_id'],
  ['agent_summaries', 'task_id'],
];

/** What is known of a task apart from its rows, and has its own way to end: caches outlive it, uploads run out. */
export const OTHER_TASK_TABLES = ['caches', 'uploads', 'artifacts', 'tasks'];

/** What forgetting leaves to remove where files are. */
export interface Forgotten {
  readonly tasks: readonly number[];
  /** Names of log segments. */
  readonly segments: readonly string[];
}

async function segmentsOf(sql: Queries, tasks: readonly number[]): Promise<string[]> {
  const names: string[] = [];
  for (const id of tasks) {
    for (const { name } of await sql<{ name: string }[]>`SELECT name FROM log_segments WHERE task_id = ${id}`)
      names.push(name);
  }
  return names;
}

async function tasksOf(sql: Queries, buildId: number): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`SELECT id FROM tasks WHERE build_id = ${buildId}`;
  return rows.map(({ id }) => id);
}

/** Forgets a build with all that belongs to it. Its artifacts may be read until `artifactsUntilMs`. */
export async function forgetBuild(sql: Queries, buildId: number, artifactsUntilMs: number): Promise<Forgotten> {
  const tasks = await tasksOf(sql, buildId);
  const segments = await segmentsOf(sql, tasks);
  for (const id of tasks) {
    await dropArtifactsOf(sql, id, artifactsUntilMs);
    for (const [table, column] of TASK_ROWS) await sql`DELETE FROM ${sql(table)} WHERE ${sql(column)} = ${id}`;
  }
  await sql`DELETE FROM tasks WHERE build_id = ${buildId}`;
  await sql`DELETE FROM build_origins WHERE build_id = ${buildId}`;
  await sql`DELETE FROM builds WHERE id = ${buildId}`;
  return { tasks, segments };
}

/** Forgets the logs of a build and nothing else of it. */
export async function forgetLogs(sql: Queries, buildId: number): Promise<Forgotten> {
  const tasks = await tasksOf(sql, buildId);
  const segments = await segmentsOf(sql, tasks);
  for (const id of tasks) {
    for (const table of ['log_chunks', 'log_tail', 'log_segments', 'logs']) {
      await sql`DELETE FROM ${sql(table)} WHERE task_id = ${id}`;
    }
  }
  return { tasks, segments };
}

/** Worlds that no decision refers to any more. */
export async function dropUnusedWorlds(sql: Queries): Promise<void> {
  await sql`
    DELETE FROM worlds WHERE id NOT IN (SELECT world_id FROM decisions WHERE world_id IS NOT NULL)`;
}
