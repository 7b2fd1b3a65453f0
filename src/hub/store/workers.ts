import type { Amounts } from '../../lib/amounts.ts';
import type { Queries } from './database.ts';
import { hashToken } from './tokens.ts';

/** A registered worker as it is stored. */
export interface WorkerRecord {
  readonly id: number;
  readonly poolId: number;
  readonly pool: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly resources: Amounts;
  /** Paused by people (`worker pause`), until they resume it: gets no tasks. */
  readonly disabled: boolean;
  /** Paused by itself, in its present session: it drains. A new registration ends that. */
  readonly draining: boolean;
  /** The name in its headers, where that is not `name`: a label `name` of its user's wins in what it registers. */
  readonly called: string;
  /** Address that it registered from. */
  readonly peer: string;
  /** It gets one task and is forgotten after it. */
  readonly ephemeral: boolean;
  readonly lastSeenMs: number;
}

interface Row {
  id: number;
  pool_id: number;
  pool: string;
  name: string;
  labels: string;
  resources: string;
  disabled: number;
  draining: number;
  called: string;
  peer: string;
  ephemeral: number;
  last_seen_ms: number;
}

/** Which workers: one by its id, or by its name in a pool. */
export type WorkerWanted = { readonly id: number } | { readonly poolId: number; readonly name: string };

/** All workers by name, or the one that is wanted. */
export async function listWorkerRecords(sql: Queries, wanted?: WorkerWanted): Promise<WorkerRecord[]> {
  const which =
    wanted === undefined
      ? sql``
      : 'id' in wanted
        ? sql`WHERE w.id = ${wanted.id}`
        : sql`WHERE w.pool_id = ${wanted.poolId} AND w.name = ${wanted.name}`;
  const rows = await sql<Row[]>`
    SELECT w.id, w.pool_id, p.name AS pool, w.name, w.labels, w.resources, w.disabled, w.draining, w.called, w.peer,
      w.ephemeral, w.last_seen_ms
    FROM workers w JOIN pools p ON p.id = w.pool_id ${which} ORDER BY w.name, w.id`;
  return rows.map((row) => ({
    id: row.id,
    poolId: row.pool_id,
    pool: row.pool,
    name: row.name,
    labels: JSON.parse(row.labels),
    resources: JSON.parse(row.resources),
    disabled: row.disabled === 1,
    draining: row.draining === 1,
    called: row.called,
    peer: row.peer,
    ephemeral: row.ephemeral === 1,
    lastSeenMs: row.last_seen_ms,
  }));
}

/** The id of the worker that has a name in a pool. */
export async function idOfName(sql: Queries, poolId: number, name: string): Promise<number | undefined> {
  const [row] = await sql<{ id: number }[]>`SELECT id FROM workers WHERE pool_id = ${poolId} AND name = ${name}`;
  return row?.id;
}

/** Adds the worker or changes what it says of itself; when it was last heard of is for `saveLastSeen` to change. */
export async function saveWorker(sql: Queries, worker: WorkerRecord): Promise<void> {
  const row = {
    id: worker.id,
    pool_id: worker.poolId,
    name: worker.name,
    labels: JSON.stringify(worker.labels),
    resources: JSON.stringify(worker.resources),
    disabled: Number(worker.disabled),
    draining: Number(worker.draining),
    called: worker.called,
    peer: worker.peer,
    ephemeral: Number(worker.ephemeral),
    last_seen_ms: worker.lastSeenMs,
  };
  await sql`
    INSERT INTO workers ${sql(row)}
    ON CONFLICT (id) DO UPDATE SET labels = excluded.labels, resources = excluded.resources,
      disabled = excluded.disabled, draining = excluded.draining, called = excluded.called, peer = excluded.peer,
      ephemeral = excluded.ephemeral`;
}

/** Forgets a worker and its session. Tasks keep its name. */
export async function deleteWorker(sql: Queries, workerId: number): Promise<void> {
  await endSessions(sql, workerId);
  await sql`DELETE FROM workers WHERE id = ${workerId}`;
}

export async function saveLastSeen(sql: Queries, workerId: number, lastSeenMs: number): Promise<void> {
  await sql`UPDATE workers SET last_seen_ms = ${lastSeenMs} WHERE id = ${workerId}`;
}

/** Makes `token` the only session of the worker: whoever held an older one has to register again. */
export async function replaceSession(
  sql: Queries,
  workerId: number,
  token: string,
  about: { readonly tokenId: string; readonly nowMs: number },
): Promise<void> {
  await endSessions(sql, workerId);
  await sql`
    INSERT INTO sessions (hash, worker_id, created_ms, token_id)
    VALUES (${hashToken(token)}, ${workerId}, ${about.nowMs}, ${about.tokenId})`;
}

async function endSessions(sql: Queries, workerId: number): Promise<void> {
  await sql`DELETE FROM sessions WHERE worker_id = ${workerId}`;
}

/** Ends the sessions of all workers that registered with a token. */
export async function endSessionsOfToken(sql: Queries, tokenId: string): Promise<void> {
  await sql`DELETE FROM sessions WHERE token_id = ${tokenId}`;
}

/** The worker that a session token belongs to. The result's `session` names the session without giving it away. */
export async function workerOfSession(
  sql: Queries,
  token: string,
): Promise<{ workerId: number; session: string } | undefined> {
  const session = hashToken(token);
  const [row] = await sql<{ worker_id: number }[]>`SELECT worker_id FROM sessions WHERE hash = ${session}`;
  return row === undefined ? undefined : { workerId: row.worker_id, session };
}
