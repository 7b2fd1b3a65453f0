import type { Queries } from './database.ts';

/** Something that somebody did to the hub. */
export interface AuditRecord {
  readonly id: number;
  readonly atMs: number;
  /** Names the token that was used, never the token itself. */
  readonly actor: string;
  readonly role: string | null;
  readonly address: string;
  /** Name of the operation of the interface. */
  readonly action: string;
  readonly subject: string;
  /** JSON. */
  readonly detail: string;
}

export async function insertAudit(sql: Queries, record: Omit<AuditRecord, 'id'>): Promise<void> {
  const { atMs, actor, role, address, action, subject, detail } = record;
  await sql`
    INSERT INTO audit (at_ms, actor, role, address, action, subject, detail)
    VALUES (${atMs}, ${actor}, ${role}, ${address}, ${action}, ${subject}, ${detail})`;
}

/** Newest first, below `beforeId` where it is given. */
export async function newestAudit(sql: Queries, limit: number, beforeId?: number): Promise<AuditRecord[]> {
  const rows = await sql<AuditRecord[]>`
    SELECT id, at_ms AS "atMs", actor, role, address, action, subject, detail FROM audit
    WHERE id < ${beforeId ?? Number.MAX_SAFE_INTEGER} ORDER BY id DESC LIMIT ${limit}`;
  return [...rows];
}

export async function deleteAuditBefore(sql: Queries, beforeMs: number): Promise<void> {
  await sql`DELETE FROM audit WHERE at_ms < ${beforeMs}`;
}
