import { afterAll, beforeAll, describe, test } from 'bun:test';
import { Database } from '../../src/hub/store/database.ts';
import { postgresGap, startPostgres, type TestPostgres } from './postgres.ts';
import { testNeeding } from './requirement.ts';
import { tempFolder } from './temp-folder.ts';

/** An empty store of one test; ends with its `await using` scope. */
export interface TestStore {
  readonly store: Database;
  /** What `Database.open` takes, to open it once more. */
  readonly address: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** One of the two engines, as a test sees it. */
export interface Engine {
  readonly name: 'sqlite' | 'postgres';
  /** `test`, which is told as a gap where the engine is missing. */
  readonly test: (title: string, body: () => void | Promise<void>, timeoutMs?: number) => void;
  open(): Promise<TestStore>;
  /** The address of a database that nobody has opened yet. */
  empty(): Promise<string>;
}

async function openSqlite(): Promise<TestStore> {
  const folder = tempFolder();
  const address = `${folder.path}/hub.db`;
  const store = await Database.open(address);
  const close = async () => {
    await store.close();
    folder[Symbol.dispose]();
  };
  return { store, address, [Symbol.asyncDispose]: close };
}

/** Each test makes databases of its own, which takes its time on a machine that is busy. */
const BOUND_MS = 30_000;

type Test = Engine['test'];

const bounded =
  (run: Test): Test =>
  (title, body, timeoutMs = BOUND_MS) =>
    run(title, body, timeoutMs);

/** Describes `title` twice, on SQLite and on a PostgreSQL of its own: `body` calls `engine.test` and `engine.open`. */
export function onBothEngines(title: string, body: (engine: Engine) => void): void {
  describe(`${title} (sqlite)`, () =>
    body({ name: 'sqlite', test: bounded(test), open: openSqlite, empty: async () => ':memory:' }));
  describe(`${title} (postgres)`, () => {
    const gap = postgresGap();
    let server: TestPostgres | undefined;
    beforeAll(async () => {
      if (gap === undefined) server = await startPostgres();
    }, 60_000);
    afterAll(() => server?.stop());
    const empty = async () => {
      if (server === undefined) throw new Error('PostgreSQL has not been started');
      return server.create();
    };
    const open = async () => {
      const address = await empty();
      const store = await Database.open(address);
      return { store, address, [Symbol.asyncDispose]: () => store.close() };
    };
    body({ name: 'postgres', test: bounded(testNeeding('the store on PostgreSQL', gap)), open, empty });
  });
}
