import { printable } from '../../lib/printable.ts';
import type { Clock } from '../../platform/clock.ts';
import { type Page, type PageAsk, pageOf } from '../page.ts';
import { deleteAuditBefore, insertAudit, newestAudit } from '../store/audit.ts';
import type { Database } from '../store/database.ts';

/** Who did something, as far as the hub knows. */
export interface Actor {
  /** Names the token, or a part of the hub that acts by itself, such as `cron nightly`. */
  readonly name: string;
  readonly role: string | undefined;
  readonly address: string;
}

export interface AuditEntry {
  readonly id: string;
  readonly at: string;
  readonly actor: string;
  readonly role: string | null;
  readonly address: string;
  readonly action: string;
  readonly subject: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** What was done to the hub, by whom and when. Entries are only added; they go after 400 days. */
export interface AuditLog {
  record(actor: Actor, action: string, subject: string, detail?: Readonly<Record<string, unknown>>): Promise<void>;
  /** Newest first. */
  list(ask: PageAsk): Promise<Page<AuditEntry>>;
}

/** A good year, so that a yearly look finds all of it. */
const KEPT_MS = 400 * 86_400_000;
const MAX_TEXT = 300;
const MAX_DETAIL = 2_000;

/** `detail` as JSON text, or nothing of it where it would be too long. */
function detailText(detail: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(detail);
  return text.length > MAX_DETAIL ? '{"shortened":true}' : text;
}

export function createAuditLog(store: Database, clock: Pick<Clock, 'wallMs'>): AuditLog {
  return {
    async record({ name, role, address }, action, subject, detail = {}) {
      const record = {
        atMs: clock.wallMs(),
        actor: printable(name, MAX_TEXT),
        role: role ?? null,
        address,
        action,
        subject: printable(subject, MAX_TEXT),
        detail: detailText(detail),
      };
      await store.write(async (sql) => {
        await insertAudit(sql, record);
        await deleteAuditBefore(sql, record.atMs - KEPT_MS);
      });
    },
    async list({ limit, after }) {
      const read = await store.read((sql) =>
        newestAudit(sql, limit + 1, after === undefined ? undefined : Number(after)),
      );
      const { items, next } = pageOf(read, limit, ({ id }) => String(id));
      const entries = items.map(({ id, atMs, detail, ...rest }) => ({
        ...rest,
        id: String(id),
        at: new Date(atMs).toISOString(),
        detail: JSON.parse(detail) as Record<string, unknown>,
      }));
      return { items: entries, next };
    },
  };
}
