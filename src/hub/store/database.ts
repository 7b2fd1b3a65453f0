import { SQL } from 'bun';
import { AppError } from '../../lib/errors.ts';
import { migrate } from './schema.ts';

/** What runs queries: tagged templates, whose values become parameters. */
export type Queries = SQL;

/**
 * The one connection to the store. Everything runs one after the other: on a single SQLite connection, a query from
 * elsewhere would land inside a transaction that happens to be open, see what may be rolled back, or be rolled back
 * with it. Callbacks must only talk to the database and never ask for another `read` or `write` inside.
 */
export class Database {
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(private readonly sql: SQL) {}

  /** Opens (or makes) the file and brings its schema up to date. Throws `AppError` (CONFIG) with the remedy. */
  static async open(path: string): Promise<Database> {
    const sql = new SQL(`sqlite://${path}`);
    try {
      await sql.unsafe('PRAGMA journal_mode = WAL');
      // FULL, since an acknowledged log or result must also outlive a power cut; log writes are grouped, so the cost
      // is one fsync for many.
      await sql.unsafe('PRAGMA synchronous = FULL');
      await sql.unsafe('PRAGMA foreign_keys = ON');
      await migrate(sql, path);
    } catch (error) {
      await sql.close();
      if (error instanceof AppError) throw error;
      const hint = 'check that the file is a hub database and that this user may write it';
      const what = error instanceof Error ? error.message : String(error);
      throw new AppError('CONFIG', `database ${path} cannot be opened (${what})`, { hint, cause: error });
    }
    return new Database(sql);
  }

  #enqueue<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(run);
    this.#tail = result.catch(() => {}); // the caller has the error; the next in line must run all the same
    return result;
  }

  /** Runs queries that see one consistent state. */
  read<T>(run: (sql: Queries) => Promise<T>): Promise<T> {
    return this.#enqueue(() => run(this.sql));
  }

  /** Runs queries as one transaction; what `run` throws rolls it back and comes out of here. */
  write<T>(run: (sql: Queries) => Promise<T>): Promise<T> {
    return this.#enqueue(async () => (await this.sql.begin(run)) as T);
  }

  /** Waits for what is under way and closes the file. */
  close(): Promise<void> {
    return this.#enqueue(() => this.sql.close());
  }
}
