import type { Queries } from './database.ts';
import { type Dialect, withNumbers } from './dialect.ts';

/** One line of a dump: a table with its columns, or a row of the table named last. */
export type DumpLine = { readonly table: string; readonly columns: readonly string[] } | readonly unknown[];

/** Rows that are read at a time. */
const PAGE = 1_000;

type Row = Record<string, unknown>;

async function tablesOf(sql: Queries, { engine }: Dialect): Promise<string[]> {
  const rows =
    engine === 'sqlite'
      ? await sql<{ name: string }[]>`
          SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`
      : await sql<{ name: string }[]>`
          SELECT table_name AS name FROM information_schema.tables
          WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY table_name`;
  return rows.map(({ name }) => name);
}

/** Columns of a table in their order. */
export async function columnsOf(sql: Queries, { engine }: Dialect, table: string): Promise<string[]> {
  const rows =
    engine === 'sqlite'
      ? await sql<{ name: string }[]>`SELECT name FROM pragma_table_info(${table}) ORDER BY cid`
      : await sql<{ name: string }[]>`
          SELECT column_name AS name FROM information_schema.columns
          WHERE table_schema = current_schema() AND table_name = ${table} ORDER BY ordinal_position`;
  return rows.map(({ name }) => name);
}

/** Pages of a table, each once, in an order that does not change while the transaction is open. */
async function* pagesOf(sql: Queries, { engine }: Dialect, table: string): AsyncGenerator<readonly Row[]> {
  if (engine === 'postgres') {
    await sql.unsafe(`DECLARE dump NO SCROLL CURSOR FOR SELECT * FROM "${table}"`);
    for (;;) {
      const rows: Row[] = withNumbers(await sql.unsafe(`FETCH ${PAGE} FROM dump`));
      if (rows.length === 0) break;
      yield rows;
    }
    await sql.unsafe('CLOSE dump');
    return;
  }
  for (let last = Number.MIN_SAFE_INTEGER; ; ) {
    const rows: Row[] = await sql.unsafe(
      `SELECT rowid AS dump_row, * FROM "${table}" WHERE rowid > ? ORDER BY rowid LIMIT ${PAGE}`,
      [last],
    );
    const end = rows.at(-1);
    if (end === undefined) return;
    yield rows;
    last = Number(end.dump_row);
  }
}

/** Bytes as JSON has them. */
interface Bytes {
  readonly base64: string;
}

function toJson(value: unknown): unknown {
  return value instanceof Uint8Array ? ({ base64: Buffer.from(value).toString('base64') } satisfies Bytes) : value;
}

/** A value of a dump as a query takes it. */
export function fromJson(value: unknown): unknown {
  const isBytes = typeof value === 'object' && value !== null && 'base64' in value;
  return isBytes ? Buffer.from((value as Bytes).base64, 'base64') : value;
}

/**
 * All tables with all their rows, the same whichever engine they are in. Run it in one snapshot. Tables are read whole,
 * so that those of later versions are in it too.
 */
export async function* dump(sql: Queries, dialect: Dialect): AsyncGenerator<DumpLine> {
  for (const table of await tablesOf(sql, dialect)) {
    const columns = await columnsOf(sql, dialect, table);
    yield { table, columns };
    for await (const rows of pagesOf(sql, dialect, table)) {
      for (const row of rows) yield columns.map((name) => toJson(row[name]));
    }
  }
}
