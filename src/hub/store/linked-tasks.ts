import type { Hold, StatusName } from '../model.ts';
import type { LinkedTask } from '../scheduler/dependencies.ts';
import type { Queries } from './database.ts';

interface Row {
  id: number;
  name: string;
  status: StatusName;
  allow: number;
  hold: Hold | null;
  manual: number;
  wanted: string;
}

interface PullRequest {
  number: number | null;
  labels: string;
}

function gateOf({ manual, wanted }: Row, { number, labels }: PullRequest): LinkedTask['gate'] {
  if (manual === 1) return 'manual';
  if (number === null || wanted === '[]') return null; // required labels mean nothing outside pull requests
  const present: string[] = JSON.parse(labels);
  return (JSON.parse(wanted) as string[]).every((label) => present.includes(label)) ? null : 'pr-labels';
}

/** The newest runs of the tasks of a build with what binds them, in the order of their groups. */
export async function linkedTasks(sql: Queries, buildId: number): Promise<LinkedTask[]> {
  const rows = await sql<Row[]>`
    SELECT id, name, status, allow_failures AS allow, hold, manual, required_pr_labels AS wanted
    FROM tasks WHERE build_id = ${buildId} AND next_id IS NULL ORDER BY group_id, id`;
  const links = await sql<{ task: number; needs: number }[]>`
    SELECT d.task_id AS task, d.needs_id AS needs FROM dependencies d JOIN tasks t ON t.id = d.task_id
    WHERE t.build_id = ${buildId} AND t.next_id IS NULL ORDER BY d.needs_id`;
  const [pullRequest = { number: null, labels: '[]' }] = await sql<PullRequest[]>`
    SELECT pull_request AS number, pr_labels AS labels FROM builds WHERE id = ${buildId}`;
  const needs = Map.groupBy(links, ({ task }) => task);
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    status: row.status,
    allowFailures: row.allow === 1,
    needs: (needs.get(row.id) ?? []).map((link) => link.needs),
    hold: row.hold,
    gate: gateOf(row, pullRequest),
  }));
}
