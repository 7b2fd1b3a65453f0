import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../store/database.ts';
import { FileLogs } from './file-logs.ts';
import type { LogStorage } from './log-storage.ts';
import type { ObjectStore } from './object-store.ts';
import { RowLogs } from './row-logs.ts';
import { Segments } from './segments.ts';

export interface LogsDeps {
  readonly store: Database;
  /** For the logs of a hub that is alone on its database. */
  readonly folder: string;
  /** What the hubs on one database share. */
  readonly objects: ObjectStore;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The logs of a hub, and the work on them that goes on by itself. */
export interface HubLogs {
  readonly storage: LogStorage;
  /** Keeps them in order until `signal` aborts; then resolves. */
  run(signal: AbortSignal): Promise<void>;
}

/** Logs in files of this machine on SQLite; on PostgreSQL in rows that are moved out into the shared storage. */
export async function openLogs({ store, folder, objects, clock, log }: LogsDeps): Promise<HubLogs> {
  if (store.dialect.engine === 'sqlite') {
    return { storage: await FileLogs.open(store, folder, clock), run: async () => {} };
  }
  const segments = new Segments(store, objects, clock, log);
  return { storage: new RowLogs(store, segments, clock), run: (signal) => segments.run(signal) };
}
