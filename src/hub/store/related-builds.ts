import type { BuildRecord } from './builds.ts';
import type { Queries } from './database.ts';

/** Builds that a newer one of the same repository and branch, or pull request, takes the place of: those still open. */
export async function olderOpenBuilds(
  sql: Queries,
  { id, repository, branch, pullRequest }: Pick<BuildRecord, 'id' | 'repository' | 'branch' | 'pullRequest'>,
): Promise<number[]> {
  const same =
    pullRequest === null ? sql`branch = ${branch} AND pull_request IS NULL` : sql`pull_request = ${pullRequest}`;
  const rows = await sql<{ id: number }[]>`
    SELECT id FROM builds WHERE repository = ${repository} AND ${same} AND id < ${id} AND finished_ms IS NULL ORDER BY id`;
  return rows.map((row) => row.id);
}

/** Changes the labels of a pull request. Resolves with the builds of it. */
export async function setPullRequestLabels(
  sql: Queries,
  repository: string,
  number: number,
  labels: readonly string[],
): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    UPDATE builds SET pr_labels = ${JSON.stringify(labels)}
    WHERE repository = ${repository} AND pull_request = ${number} RETURNING id`;
  return rows.map((row) => row.id);
}

/** Labels of the pull request of a build; undefined for a build of none. */
export async function pullRequestLabels(sql: Queries, buildId: number): Promise<string[] | undefined> {
  const [row] = await sql<{ number: number | null; labels: string }[]>`
    SELECT pull_request AS number, pr_labels AS labels FROM builds WHERE id = ${buildId}`;
  return row === undefined || row.number === null ? undefined : JSON.parse(row.labels);
}
