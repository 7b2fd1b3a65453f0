import { existsSync } from 'node:fs';
import type { SQL } from 'bun';
import { AppError } from '../../lib/errors.ts';
import type { Bus } from './bus.ts';
import { type Connection, connectTo, isPostgres } from './connection.ts';
import { explainFault, lostAgainstAnother } from './database-error.ts';
import type { Dialect } from './dialect.ts';
import { expectCurrent, migrate } from './migrate.ts';
import { MIGRATIONS } from './migrations.ts';

/** What runs queries: tagged templates, whose values become parameters. */
export type Queries = SQL;

/** Writers of all hubs on one PostgreSQL database take turns by this lock, as writers of one SQLite file do. */
const WRITE_LOCK = 7_480_002;

/** A write that lost against another one is run again so often before its error is told. */
const ATTEMPTS = 5;

/**
 * The store, the same on both engines: writes come one after the other, in this process and, on PostgreSQL, over all
 * processes, so that a decision is made on what it sees. On SQLite there is one connection, and everything runs one
 * after the other: a query from elsewhere would land inside a transaction that happens to be open. Callbacks must only
 * talk to the database and never ask for another `read` or `write` inside; on PostgreSQL one that lost against another
 * is run again, so they change nothing else.
 */
export class Database {
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(private readonly connection: Connection) {}

  /**
   * Opens a file of SQLite (made when it is missing) or a database of PostgreSQL (`postgres://…`), and brings its schema
   * up to date. Throws `AppError` with the remedy: CONFIG, or UNAVAILABLE for a server that is away.
   */
  static open(address: string): Promise<Database> {
    return Database.#open(address, (connection) => migrate(connection, MIGRATIONS));
  }

  /** Opens the database of a hub as it is, for looking at it. Throws `AppError` also when there is none, or an old one. */
  static async openExisting(address: string): Promise<Database> {
    if (!isPostgres(address) && !existsSync(address)) {
      const hint = 'give the folder of the hub with --data';
      throw new AppError('CONFIG', `database ${address} is not there`, { hint });
    }
    return Database.#open(address, (connection) => expectCurrent(connection, MIGRATIONS));
  }

  static async #open(address: string, prepare: (connection: Connection) => Promise<void>): Promise<Database> {
    let connection: Connection | undefined;
    try {
      connection = await connectTo(address);
      await prepare(connection);
      return new Database(connection);
    } catch (error) {
      await connection?.close(0);
      const place = connection?.place ?? `database ${address}`;
      const told = explainFault(error, place);
      if (told instanceof AppError) throw told;
      const hint = 'check that it is a database of a hub and that this user may write it';
      const what = error instanceof Error ? error.message : String(error);
      throw new AppError('CONFIG', `${place} cannot be opened (${what})`, { hint, cause: error });
    }
  }

  get dialect(): Dialect {
    return this.connection.dialect;
  }

  /**
   * News between the hubs on this database, or within this one where it is alone. `hub` names it among them. Close the
   * bus before the database.
   */
  openBus(hub: string): Promise<Bus> {
    return this.#telling(() => this.connection.openBus(hub));
  }

  #enqueue<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(run);
    this.#tail = result.catch(() => {}); // the caller has the error; the next in line must run all the same
    return result;
  }

  async #telling<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw explainFault(error, this.connection.place);
    }
  }

  /** Runs queries that see one consistent state. Throws `AppError` (UNAVAILABLE) when the database is away. */
  read<T>(run: (sql: Queries) => Promise<T>): Promise<T> {
    const { connection } = this;
    const telling = () => this.#telling(() => connection.read(run));
    return connection.dialect.engine === 'sqlite' ? this.#enqueue(telling) : telling();
  }

  /** Like `read`, for a process of its own beside a running hub: on SQLite a `read` sees what another process changes. */
  snapshot<T>(run: (sql: Queries) => Promise<T>): Promise<T> {
    return this.#enqueue(() => this.#telling(() => this.connection.snapshot(run)));
  }

  /**
   * Runs queries as one transaction; what `run` throws rolls it back and comes out of here. Throws `AppError`
   * (UNAVAILABLE) when the database is away or its disk is full: it may then be stored or not, and callers repeat.
   */
  write<T>(run: (sql: Queries) => Promise<T>): Promise<T> {
    return this.#enqueue(() => this.#telling(() => this.#transact(run)));
  }

  /**
   * A `write` that on PostgreSQL takes turns only with other `append`s that share one of its `keys` (ids of builds), so
   * that streams of logs neither wait for each other nor hold up the state. For rows that nothing else decides on.
   */
  append<T>(keys: readonly number[], run: (sql: Queries) => Promise<T>): Promise<T> {
    if (this.dialect.engine === 'sqlite') return this.write(run);
    const inOrder = [...new Set(keys)].sort((left, right) => left - right); // so that two never wait for each other
    return this.#telling(() => this.#transact(run, inOrder));
  }

  async #transact<T>(run: (sql: Queries) => Promise<T>, locks: readonly number[] = [WRITE_LOCK]): Promise<T> {
    const { connection } = this;
    if (connection.dialect.engine === 'sqlite') return connection.write(run);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await connection.write(async (sql) => {
          for (const lock of locks) await sql`SELECT pg_advisory_xact_lock(${lock}::bigint)`;
          return run(sql);
        });
      } catch (error) {
        if (attempt === ATTEMPTS || !lostAgainstAnother(error)) throw error;
      }
    }
  }

  /** Waits for what is under way and closes the connections. */
  close(): Promise<void> {
    return this.#enqueue(() => this.connection.close());
  }
}
