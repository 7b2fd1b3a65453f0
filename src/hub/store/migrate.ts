import type { SQL } from 'bun';
import { AppError } from '../../lib/errors.ts';
import type { Connection } from './connection.ts';
import type { Migration } from './migration.ts';

/** Any number will do that nobody else uses in this database: hubs that start together take turns by it. */
const MIGRATION_LOCK = 7_480_001;

/** The numbers of the steps that the database has had. */
async function appliedNumbers(sql: SQL): Promise<Set<number>> {
  await sql`CREATE TABLE IF NOT EXISTS schema_migrations (number BIGINT PRIMARY KEY)`;
  const rows = await sql<{ number: number }[]>`SELECT number FROM schema_migrations`;
  return new Set(rows.map(({ number }) => number));
}

/** Databases of the first pwagent kept one version number, which was always 1. */
async function adoptFirstVersion(sql: SQL): Promise<void> {
  const [found] = await sql`SELECT name FROM sqlite_master WHERE type = ${'table'} AND name = ${'schema_version'}`;
  if (found === undefined) return;
  await sql`CREATE TABLE IF NOT EXISTS schema_migrations (number BIGINT PRIMARY KEY)`;
  await sql`INSERT INTO schema_migrations (number) SELECT version FROM schema_version`;
  await sql`DROP TABLE schema_version`;
}

/**
 * Applies the steps that are missing, all or none, in the order of their numbers. Throws `AppError` (CONFIG) when the
 * database has had a step that this pwagent does not know.
 */
export function migrate({ dialect, place, write }: Connection, migrations: readonly Migration[]): Promise<void> {
  return write(async (sql) => {
    if (dialect.engine === 'postgres') await sql`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK}::bigint)`;
    else await adoptFirstVersion(sql);
    const applied = await appliedNumbers(sql);
    const newer = [...applied].find((number) => !migrations.some((known) => known.number === number));
    if (newer !== undefined) {
      const hint = 'start the newer pwagent again, or give another database';
      throw new AppError('CONFIG', `${place} was written by a newer pwagent (schema ${newer})`, { hint });
    }
    for (const { number, statements } of migrations) {
      if (applied.has(number)) continue;
      for (const statement of statements(dialect)) await sql.unsafe(statement);
      await sql`INSERT INTO schema_migrations (number) VALUES (${number})`;
    }
  });
}

/** Throws `AppError` (CONFIG) unless the database has had exactly these steps. Changes nothing. */
export async function expectCurrent({ place, read }: Connection, migrations: readonly Migration[]): Promise<void> {
  const rows = await read((sql) => sql<{ number: number }[]>`SELECT number FROM schema_migrations`).catch(() => []);
  const applied = new Set(rows.map(({ number }) => number));
  if (applied.size === migrations.length && migrations.every(({ number }) => applied.has(number))) return;
  const hint = 'start the hub of this pwagent once, which brings it up to date; or use the pwagent that serves it';
  throw new AppError('CONFIG', `${place} is not of this version of pwagent`, { hint });
}

/** Whether a hub has ever opened the database. */
export async function hasSchema({ dialect, read }: Connection): Promise<boolean> {
  const rows = await read((sql) =>
    dialect.engine === 'sqlite'
      ? sql`SELECT name FROM sqlite_master WHERE name = 'schema_migrations'`
      : sql`SELECT table_name FROM information_schema.tables
          WHERE table_schema = current_schema() AND table_name = 'schema_migrations'`,
  );
  return rows.length > 0;
}
