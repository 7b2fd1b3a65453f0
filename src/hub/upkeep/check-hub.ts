import { LogFiles } from '../logs/log-files.ts';
import type { ObjectStore } from '../logs/object-store.ts';
import type { Database } from '../store/database.ts';
import { checkChunks, checkLogFiles, checkLogRows } from './check-logs.ts';
import { checkState } from './check-state.ts';
import type { CheckReport } from './findings.ts';

/** Where what the database speaks of is stored. */
export interface CheckPlaces {
  /** Log files of a hub on SQLite. */
  readonly logFolder: string;
  /** What hubs on PostgreSQL share. */
  readonly objects: ObjectStore;
}

/** Checks the whole stored state, in one consistent view of it; the hub may run meanwhile. */
export function checkHub(store: Database, { logFolder, objects }: CheckPlaces): Promise<CheckReport> {
  const { engine } = store.dialect;
  return store.snapshot(async (sql) => {
    const [counts] = await sql<{ builds: number; tasks: number; logs: number; bytes: number | null }[]>`
      SELECT (SELECT COUNT(*) FROM builds) AS builds, (SELECT COUNT(*) FROM tasks) AS tasks,
        (SELECT COUNT(*) FROM logs) AS logs, (SELECT SUM(size) FROM logs) AS bytes`;
    const state = await checkState(sql, engine);
    const chunks = await checkChunks(sql);
    const content =
      engine === 'sqlite'
        ? await checkLogFiles(sql, new LogFiles(logFolder))
        : { problems: await checkLogRows(sql, objects), leftovers: [] };
    const { builds = 0, tasks = 0, logs = 0, bytes = 0 } = counts ?? {};
    return {
      checked: { builds, tasks, logs, logBytes: bytes ?? 0 },
      problems: [...state, ...chunks, ...content.problems],
      leftovers: content.leftovers,
    };
  });
}
