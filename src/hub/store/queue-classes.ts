import type { Queries } from './database.ts';
import type { QueueClass, QueueEntry } from './queue.ts';

interface Row {
  class_id: string;
  labels: string;
  resources: string;
  isolation: string;
  offered_hub_ms: number;
}

function toClass(row: Row): QueueClass {
  return {
    classId: row.class_id,
    labels: JSON.parse(row.labels),
    resources: JSON.parse(row.resources),
    isolation: row.isolation,
    offeredHubMs: row.offered_hub_ms,
  };
}

/** Queues that are not empty, at most `limit` of them; those that no worker was there for come last. */
export async function listClasses(sql: Queries, limit: number): Promise<QueueClass[]> {
  const rows = await sql<Row[]>`
    SELECT class_id, labels, resources, isolation, offered_hub_ms FROM queue_classes
    ORDER BY offered_hub_ms DESC, class_id LIMIT ${limit}`;
  return rows.map(toClass);
}

export async function findClass(sql: Queries, classId: string): Promise<QueueClass | undefined> {
  const [row] = await sql<Row[]>`
    SELECT class_id, labels, resources, isolation, offered_hub_ms FROM queue_classes WHERE class_id = ${classId}`;
  return row === undefined ? undefined : toClass(row);
}

/** Workers that could take such tasks are there at that hub time. */
export async function saveOffered(sql: Queries, classId: string, hubMs: number): Promise<void> {
  await sql`UPDATE queue_classes SET offered_hub_ms = ${hubMs} WHERE class_id = ${classId}`;
}

/** Beyond this, a place in a queue is told as "more than". */
const COUNT_LIMIT = 10_000;

export interface Place {
  /** 1 is next. */
  readonly place: number;
  readonly of: number;
  /** False when either number is at least what it says. */
  readonly exact: boolean;
}

/** Where in its queue a task stands. */
export async function placeInQueue(sql: Queries, classId: string, { turn, taskId }: QueueEntry): Promise<Place> {
  const [before] = await sql<{ n: number }[]>`
    SELECT COUNT(*) AS n FROM (
      SELECT 1 AS one FROM queue WHERE class_id = ${classId} AND (turn < ${turn} OR (turn = ${turn} AND task_id < ${taskId}))
      LIMIT ${COUNT_LIMIT}) AS earlier`;
  const [all] = await sql<{ n: number }[]>`
    SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM queue WHERE class_id = ${classId} LIMIT ${COUNT_LIMIT}) AS everyone`;
  const [earlier, total] = [before?.n ?? 0, all?.n ?? 0];
  return { place: earlier + 1, of: Math.max(total, earlier + 1), exact: total < COUNT_LIMIT };
}
