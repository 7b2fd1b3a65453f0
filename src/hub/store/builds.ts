import { Status, type Task } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { BuildFilter } from '../lookups.ts';
import type { BuildView, NewBuild, StatusName } from '../model.ts';
import { clampPriority } from '../scheduler/turns.ts';
import type { Queries } from './database.ts';
import { lockKey } from './locks.ts';
import { classOf, encodeTask, isolationKey, kindOf, placementOf } from './task-definition.ts';
import { allowsFailures, rulesOf, timeoutSecondsOf } from './task-rules.ts';

/** A build as it is stored. */
export interface BuildRecord {
  readonly id: number;
  readonly branch: string;
  readonly revision: string;
  readonly message: string;
  readonly treeId: string;
  readonly repository: string;
  readonly pullRequest: number | null;
  readonly priority: number;
  readonly status: StatusName;
  readonly createdMs: number;
  readonly finishedMs: number | null;
}

/** Fresh ids and secrets, one of each for every task. */
export interface Minted {
  readonly buildId: number;
  readonly tasks: readonly { readonly id: number; readonly clientSecret: string; readonly serverSecret: string }[];
}

interface Place {
  readonly minted: Minted;
  readonly repository: string;
  readonly index: number;
}

async function insertTask(sql: Queries, task: Task, { minted, repository, index }: Place, nowMs: number) {
  const { id, clientSecret, serverSecret } = minted.tasks[index] ?? { id: 0, clientSecret: '', serverSecret: '' };
  const placement = placementOf(task);
  const { labels, resources, isolation } = placement;
  const { manual, stateful, autoCancel, requiredLabels, lock } = rulesOf(task);
  const skipped = task.status === Status.SKIPPED;
  const row = {
    id,
    build_id: minted.buildId,
    group_id: Number(task.localGroupId),
    name: task.name,
    status: skipped ? 'SKIPPED' : 'CREATED',
    definition: encodeTask(task),
    labels: JSON.stringify(labels),
    resources: JSON.stringify(resources),
    timeout_s: timeoutSecondsOf(task),
    allow_failures: allowsFailures(task) ? 1 : 0,
    created_ms: nowMs,
    finished_ms: skipped ? nowMs : null,
    handouts: 0,
    slot_held: 0,
    must_stop: 0,
    client_secret: clientSecret,
    server_secret: serverSecret,
    class_id: classOf(placement),
    isolation: isolationKey(isolation),
    manual: manual ? 1 : 0,
    stateful: stateful ? 1 : 0,
    auto_cancel: autoCancel ? 1 : 0,
    required_pr_labels: JSON.stringify(requiredLabels),
    lock_key: lock === undefined ? null : lockKey(repository, lock),
  };
  await sql`INSERT INTO tasks ${sql(row)}`;
  for (const [position, command] of task.commands.entries()) {
    await sql`
      INSERT INTO instructions (task_id, position, name, kind, status, killed)
      VALUES (${id}, ${position}, ${command.name}, ${kindOf(command)}, ${skipped ? 'SKIPPED' : 'CREATED'}, 0)`;
  }
}

/** Stores a build with its tasks, all of them CREATED (or SKIPPED where the configuration said so). */
export async function insertBuild(sql: Queries, build: NewBuild, minted: Minted, nowMs: number): Promise<void> {
  const { branch, revision, message, treeId, tasks, repository = '', pullRequest, priority = 0 } = build;
  const row = {
    id: minted.buildId,
    branch,
    revision,
    message,
    tree_id: treeId,
    status: 'CREATED',
    created_ms: nowMs,
    repository,
    pull_request: pullRequest?.number ?? null,
    pr_labels: JSON.stringify(pullRequest?.labels ?? []),
    priority: clampPriority(priority),
  };
  await sql`INSERT INTO builds ${sql(row)}`;
  const idOf = new Map<bigint, number>();
  for (const [index, task] of tasks.entries()) {
    await insertTask(sql, task, { minted, repository, index }, nowMs);
    idOf.set(task.localGroupId, minted.tasks[index]?.id ?? 0);
  }
  for (const task of tasks) {
    const needed = new Set(task.requiredGroups.flatMap((group) => idOf.get(group) ?? []));
    for (const needs of needed) {
      await sql`INSERT INTO dependencies (task_id, needs_id) VALUES (${idOf.get(task.localGroupId)}, ${needs})`;
    }
  }
}

const columns = (sql: Queries) => sql`
  id, branch, revision, message, tree_id AS "treeId", repository, pull_request AS "pullRequest", priority, status,
  created_ms AS "createdMs", finished_ms AS "finishedMs"`;

export async function findBuild(sql: Queries, id: number): Promise<BuildRecord | undefined> {
  const [row] = await sql<BuildRecord[]>`SELECT ${columns(sql)} FROM builds WHERE id = ${id}`;
  return row;
}

/** Newest first, below `beforeId` where it is given. */
export async function newestBuilds(
  sql: Queries,
  limit: number,
  beforeId?: number,
  { status, branch }: BuildFilter = {},
): Promise<BuildRecord[]> {
  const rows = await sql<BuildRecord[]>`
    SELECT ${columns(sql)} FROM builds
    WHERE id < ${beforeId ?? Number.MAX_SAFE_INTEGER}
      ${status === undefined ? sql`` : sql`AND status = ${status}`}
      ${branch === undefined ? sql`` : sql`AND branch = ${branch}`}
    ORDER BY id DESC LIMIT ${limit}`;
  return [...rows];
}

export async function setBuildStatus(
  sql: Queries,
  id: number,
  status: BuildView['status'],
  finishedMs: number | null,
): Promise<void> {
  await sql`UPDATE builds SET status = ${status}, finished_ms = ${finishedMs} WHERE id = ${id}`;
}

/** The largest id that was ever given out, or 0. */
export async function largestId(sql: Queries): Promise<number> {
  const [row] = await sql<{ id: number | null }[]>`
    SELECT MAX(id) AS id FROM (
      SELECT MAX(id) AS id FROM builds UNION ALL SELECT MAX(id) FROM tasks
      UNION ALL SELECT MAX(id) FROM workers UNION ALL SELECT MAX(id) FROM pools) AS all_ids`;
  return row?.id ?? 0;
}
