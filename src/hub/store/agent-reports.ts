import type {
  AgentNoteView,
  AgentReportView,
  AnnotationView,
  CacheAttemptView,
  UtilizationView,
} from '../agent-report-model.ts';
import type { Queries } from './database.ts';

/** Most that is kept of a task. */
export const MAX_ANNOTATIONS = 1_000;
const MAX_NOTES = 200;

async function count(rows: Promise<{ n: number }[]>): Promise<number> {
  return (await rows)[0]?.n ?? 0;
}

/** Adds annotations to those of the task; those that are there already, as a repeated call brings them, are not added. */
export async function addAnnotations(
  sql: Queries,
  taskId: number,
  annotations: readonly AnnotationView[],
): Promise<void> {
  const stored = await sql<{ annotation: string }[]>`SELECT annotation FROM annotations WHERE task_id = ${taskId}`;
  const known = new Set(stored.map(({ annotation }) => annotation));
  let position = stored.length;
  for (const annotation of annotations) {
    const text = JSON.stringify(annotation);
    if (known.has(text)) continue;
    if (position > MAX_ANNOTATIONS) return; // one more than is shown tells that there were more
    known.add(text);
    await sql`INSERT INTO annotations (task_id, position, annotation) VALUES (${taskId}, ${position}, ${text})`;
    position += 1;
  }
}

export async function addNote(
  sql: Queries,
  taskId: number,
  note: Omit<AgentNoteView, 'at'>,
  nowMs: number,
): Promise<void> {
  const there = await count(sql<{ n: number }[]>`SELECT COUNT(*) AS n FROM agent_notes WHERE task_id = ${taskId}`);
  if (there >= MAX_NOTES) return;
  await sql`
    INSERT INTO agent_notes (task_id, at_ms, kind, message, detail)
    VALUES (${taskId}, ${nowMs}, ${note.kind}, ${note.message}, ${note.detail})`;
}

/** What the final report says beside the results; a repetition takes the place of the first. */
export async function saveSummary(
  sql: Queries,
  taskId: number,
  attempts: readonly CacheAttemptView[],
  utilization: UtilizationView | null,
  nowMs: number,
): Promise<void> {
  const charts = utilization === null ? null : JSON.stringify(utilization);
  await sql`
    INSERT INTO agent_summaries (task_id, finished_ms, cache_attempts, utilization)
    VALUES (${taskId}, ${nowMs}, ${JSON.stringify(attempts)}, ${charts})
    ON CONFLICT (task_id) DO UPDATE SET finished_ms = excluded.finished_ms,
      cache_attempts = excluded.cache_attempts, utilization = excluded.utilization`;
}

/** The agent's own log, as much of its end as is kept. */
export async function saveAgentLog(sql: Queries, taskId: number, log: Uint8Array): Promise<void> {
  await sql`
    INSERT INTO agent_summaries (task_id, cache_attempts, agent_log) VALUES (${taskId}, ${'[]'}, ${log})
    ON CONFLICT (task_id) DO UPDATE SET agent_log = excluded.agent_log`;
}

export async function agentLogOf(sql: Queries, taskId: number): Promise<Uint8Array | undefined> {
  const [row] = await sql<{ agent_log: Uint8Array | null }[]>`
    SELECT agent_log FROM agent_summaries WHERE task_id = ${taskId}`;
  return row?.agent_log ?? undefined;
}

export async function agentReportOf(sql: Queries, taskId: number): Promise<AgentReportView> {
  const annotations = await sql<{ annotation: string }[]>`
    SELECT annotation FROM annotations WHERE task_id = ${taskId} ORDER BY position`;
  const notes = await sql<{ kind: AgentNoteView['kind']; at_ms: number; message: string; detail: string }[]>`
    SELECT kind, at_ms, message, detail FROM agent_notes WHERE task_id = ${taskId} ORDER BY id`;
  const [summary] = await sql<{ cache_attempts: string; utilization: string | null }[]>`
    SELECT cache_attempts, utilization FROM agent_summaries WHERE task_id = ${taskId}`;
  return {
    annotations: annotations.slice(0, MAX_ANNOTATIONS).map(({ annotation }) => JSON.parse(annotation)),
    annotationsCut: annotations.length > MAX_ANNOTATIONS,
    notes: notes.map(({ kind, at_ms, message, detail }) => ({
      kind,
      at: new Date(at_ms).toISOString(),
      message,
      detail,
    })),
    cacheAttempts: JSON.parse(summary?.cache_attempts ?? '[]'),
    utilization: summary?.utilization == null ? null : JSON.parse(summary.utilization),
  };
}

/** Forgets what the agent of a task told; for retention. */
export async function dropAgentReports(sql: Queries, taskId: number): Promise<void> {
  await sql`DELETE FROM annotations WHERE task_id = ${taskId}`;
  await sql`DELETE FROM agent_notes WHERE task_id = ${taskId}`;
  await sql`DELETE FROM agent_summaries WHERE task_id = ${taskId}`;
}
