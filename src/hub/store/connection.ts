import { SQL } from 'bun';
import { type Bus, localBus } from './bus.ts';
import { type Dialect, numbersAsNumbers, POSTGRES, SQLITE } from './dialect.ts';
import { postgresBus } from './postgres-bus.ts';

/** How a database is talked to; the two engines differ behind this and in the `Dialect`. */
export interface Connection {
  readonly dialect: Dialect;
  /** The database as people know it, without its password. */
  readonly place: string;
  /** Runs queries that see one consistent state; on SQLite, only while nothing else runs. */
  read<T>(run: (sql: SQL) => Promise<T>): Promise<T>;
  /** Runs queries, for as long as it takes, that see one consistent state whatever other processes write meanwhile. */
  snapshot<T>(run: (sql: SQL) => Promise<T>): Promise<T>;
  /** Runs queries as one transaction. */
  write<T>(run: (sql: SQL) => Promise<T>): Promise<T>;
  /** News between the hubs on this database; `hub` names this one. */
  openBus(hub: string): Promise<Bus>;
  /** Waits at most `seconds` for what is under way, or as long as it takes. */
  close(seconds?: number): Promise<void>;
}

/** Connections of one hub to PostgreSQL: one writes, the others read, listen and lock. */
const POOL_SIZE = 10;

/** A hub that stops in the middle of a transaction must not hold up the others for longer. */
const POSTGRES_SESSION = {
  application_name: 'pwagent hub',
  idle_in_transaction_session_timeout: '15s',
  lock_timeout: '30s',
  statement_timeout: '60s',
  synchronous_commit: 'on',
} as const;

/** Whether an address names a PostgreSQL database; anything else is a file of SQLite, or `:memory:`. */
export function isPostgres(address: string): boolean {
  return /^postgres(ql)?:\/\//.test(address);
}

function withoutPassword(address: string): string {
  const url = new URL(address);
  return `postgres://${url.host}${url.pathname}`;
}

function connectToPostgres(address: string): Connection {
  const client = new SQL(address, { max: POOL_SIZE, connectionTimeout: 10, connection: POSTGRES_SESSION });
  const read = async <T>(run: (sql: SQL) => Promise<T>) =>
    (await client.begin('isolation level repeatable read read only', (sql) => run(numbersAsNumbers(sql)))) as T;
  return {
    dialect: POSTGRES,
    place: `database ${withoutPassword(address)}`,
    read,
    snapshot: (run) =>
      read(async (sql) => {
        await sql`SET LOCAL statement_timeout = 0`;
        await sql`SET LOCAL idle_in_transaction_session_timeout = 0`;
        return run(sql);
      }),
    write: async <T>(run: (sql: SQL) => Promise<T>) => (await client.begin((sql) => run(numbersAsNumbers(sql)))) as T,
    openBus: (hub) => postgresBus(client, hub),
    close: (timeout) => client.close(timeout === undefined ? {} : { timeout }),
  };
}

async function connectToSqlite(path: string): Promise<Connection> {
  const client = new SQL(`sqlite://${path}`);
  try {
    await client.unsafe('PRAGMA journal_mode = WAL');
    // FULL, since an acknowledged log or result must also outlive a power cut; log writes are grouped, so the cost
    // is one fsync for many.
    await client.unsafe('PRAGMA synchronous = FULL');
    await client.unsafe('PRAGMA foreign_keys = ON');
    await client.unsafe('PRAGMA busy_timeout = 5000'); // a copy that is being made of the file may hold it for a moment
  } catch (error) {
    await client.close();
    throw error;
  }
  return {
    dialect: SQLITE,
    place: `database ${path}`,
    read: (run) => run(client),
    snapshot: async <T>(run: (sql: SQL) => Promise<T>) => (await client.begin(run)) as T,
    write: async <T>(run: (sql: SQL) => Promise<T>) => (await client.begin(run)) as T,
    openBus: async () => localBus(),
    close: () => client.close(),
  };
}

/** Opens a file (made when it is missing) or a pool of connections, which are made when they are needed. */
export async function connectTo(address: string): Promise<Connection> {
  return isPostgres(address) ? connectToPostgres(address) : await connectToSqlite(address);
}
