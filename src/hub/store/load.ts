import { AppError } from '../../lib/errors.ts';
import type { Connection } from './connection.ts';
import type { Queries } from './database.ts';
import { columnsOf, type DumpLine, fromJson } from './dump.ts';
import { hasSchema, migrate } from './migrate.ts';
import type { Migration } from './migration.ts';

/** Rows that go into one statement. */
const PAGE = 200;

/** Kept by `migrate` itself. */
const OWN = 'schema_migrations';

const isHead = (line: DumpLine): line is Exclude<DumpLine, readonly unknown[]> => !Array.isArray(line);

function damaged(what: string): AppError {
  return new AppError('CONFIG', `the dump is damaged: ${what}`, { hint: 'take another backup' });
}

interface ForeignKey {
  readonly table: string;
  readonly name: string;
  readonly definition: string;
}

/** PostgreSQL checks references row by row: they are put aside while rows come in any order, and checked afterwards. */
async function takeForeignKeys(sql: Queries): Promise<ForeignKey[]> {
  const keys = await sql<ForeignKey[]>`
    SELECT conrelid::regclass::text AS table, conname AS name, pg_get_constraintdef(oid) AS definition
    FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace`;
  for (const { table, name } of keys) await sql.unsafe(`ALTER TABLE ${table} DROP CONSTRAINT "${name}"`);
  return [...keys];
}

/** What numbers its rows by itself goes on behind the largest. */
async function raiseSequences(sql: Queries): Promise<void> {
  const columns = await sql<{ table: string; column: string }[]>`
    SELECT table_name AS table, column_name AS column FROM information_schema.columns
    WHERE table_schema = current_schema() AND is_identity = 'YES'`;
  for (const { table, column } of columns) {
    await sql.unsafe(
      `SELECT setval(pg_get_serial_sequence('"${table}"', '${column}'), COALESCE((SELECT MAX("${column}") FROM "${table}"), 0) + 1, false)`,
    );
  }
}

async function insertAll(
  sql: Queries,
  { dialect }: Connection,
  lines: AsyncIterable<DumpLine>,
  steps: ReadonlySet<number>,
): Promise<number> {
  let head: Exclude<DumpLine, readonly unknown[]> | undefined;
  let rows: Record<string, unknown>[] = [];
  let total = 0;
  const flush = async () => {
    if (head !== undefined && rows.length > 0) await sql`INSERT INTO ${sql(head.table)} ${sql(rows)}`;
    total += rows.length;
    rows = [];
  };
  for await (const line of lines) {
    if (isHead(line)) {
      await flush();
      head = line;
      const known = new Set(await columnsOf(sql, dialect, line.table));
      const unknown = line.columns.find((name) => !known.has(name));
      if (unknown !== undefined)
        throw damaged(`table ${line.table} has no column ${unknown} after ${steps.size} steps`);
      if (line.table !== OWN) await sql.unsafe(`DELETE FROM "${line.table}"`);
      continue;
    }
    if (head === undefined || line.length !== head.columns.length) throw damaged('a row fits no table');
    if (head.table === OWN) continue;
    rows.push(Object.fromEntries(head.columns.map((name, index) => [name, fromJson(line[index])])));
    if (rows.length === PAGE) await flush();
  }
  await flush();
  return total;
}

/**
 * Fills an empty database with a dump, all or nothing, whichever engine the dump is of. `steps` are the steps of the
 * schema that the dump has had; a later start of the hub brings it up to date. Resolves with the number of rows.
 * Throws `AppError` (CONFIG) for a database that is not empty and for a damaged dump.
 */
export async function load(
  connection: Connection,
  migrations: readonly Migration[],
  steps: ReadonlySet<number>,
  lines: AsyncIterable<DumpLine>,
): Promise<number> {
  const { dialect, place, write } = connection;
  const unknown = [...steps].find((number) => !migrations.some((known) => known.number === number));
  if (unknown !== undefined) {
    const hint = 'use the pwagent that wrote it, or a newer one';
    throw new AppError('CONFIG', `the backup is of a newer pwagent (schema ${unknown})`, { hint });
  }
  if (await hasSchema(connection)) {
    throw new AppError('CONFIG', `${place} is not empty`, { hint: 'give a new database' });
  }
  await migrate(
    connection,
    migrations.filter(({ number }) => steps.has(number)),
  );
  return write(async (sql) => {
    if (dialect.engine === 'sqlite') {
      await sql`PRAGMA defer_foreign_keys = ON`;
      return insertAll(sql, connection, lines, steps);
    }
    const keys = await takeForeignKeys(sql);
    const rows = await insertAll(sql, connection, lines, steps);
    for (const { table, name, definition } of keys) {
      await sql.unsafe(`ALTER TABLE ${table} ADD CONSTRAINT "${name}" ${definition}`);
    }
    await raiseSequences(sql);
    return rows;
  });
}
