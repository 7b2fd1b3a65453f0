import type { Queries } from './database.ts';

/** A build that starts by the clock, as it is stored. */
export interface CronRecord {
  readonly name: string;
  readonly repository: string;
  readonly branch: string;
  readonly expression: string;
  readonly createdMs: number;
  /** Names the token that made it. */
  readonly createdBy: string;
  /** When it fires next (wall time). */
  readonly dueMs: number;
  readonly lastMs: number | null;
  readonly lastBuild: number | null;
  readonly lastProblem: string | null;
}

const columns = (sql: Queries) => sql`
  name, repository, branch, expression, created_ms AS "createdMs", created_by AS "createdBy", due_ms AS "dueMs",
  last_ms AS "lastMs", last_build AS "lastBuild", last_problem AS "lastProblem"`;

export async function listCronRecords(sql: Queries): Promise<CronRecord[]> {
  return [...(await sql<CronRecord[]>`SELECT ${columns(sql)} FROM crons ORDER BY name`)];
}

/** Returns false where the name is taken. */
export async function insertCron(
  sql: Queries,
  cron: Omit<CronRecord, 'lastMs' | 'lastBuild' | 'lastProblem'>,
): Promise<boolean> {
  const { name, repository, branch, expression, createdMs, createdBy, dueMs } = cron;
  const made = await sql`
    INSERT INTO crons (name, repository, branch, expression, created_ms, created_by, due_ms)
    VALUES (${name}, ${repository}, ${branch}, ${expression}, ${createdMs}, ${createdBy}, ${dueMs})
    ON CONFLICT (name) DO NOTHING RETURNING name`;
  return made.length > 0;
}

export async function deleteCron(sql: Queries, name: string): Promise<boolean> {
  return (await sql`DELETE FROM crons WHERE name = ${name} RETURNING name`).length > 0;
}

/** Takes a firing that is due, for this hub alone: whoever moves the due time on has it. */
export async function claimCron(sql: Queries, name: string, dueMs: number, nextMs: number, nowMs: number) {
  const mine = await sql`
    UPDATE crons SET due_ms = ${nextMs}, last_ms = ${nowMs}, last_build = NULL, last_problem = NULL
    WHERE name = ${name} AND due_ms = ${dueMs} RETURNING name`;
  return mine.length > 0;
}

export async function noteCron(sql: Queries, name: string, build: number | null, problem: string | null) {
  await sql`UPDATE crons SET last_build = ${build}, last_problem = ${problem} WHERE name = ${name}`;
}
