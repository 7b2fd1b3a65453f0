import { open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { AppError } from '../../lib/errors.ts';
import type { Clock } from '../../platform/clock.ts';
import { ensureWritableFolder, errnoOf, syncFolder } from '../../platform/files.ts';
import { randomToken } from '../../platform/random.ts';
import type { Database } from '../store/database.ts';
import { dump } from '../store/dump.ts';
import { BACKUP_LEASE, dropLease, sharedNow, takeLease } from '../store/hubs.ts';
import { copyFolder } from './copy-folder.ts';

const LEASE_MS = 10 * 60_000;
const RENEW_MS = 60_000;

/** What only the hub on that very folder uses. */
export const NOT_COPIED = /^hub\.(db|lock|holder|name)/;

/** The names in a backup. */
export const BACKUP = { about: 'backup.json', database: 'database.jsonl', data: 'data', shared: 'shared' } as const;

export const aboutBackupSchema = z.object({
  format: z.literal(1),
  pwagent: z.string(),
  createdAt: z.string(),
  engine: z.enum(['sqlite', 'postgres']),
  /** Numbers of the steps that the schema has had. */
  steps: z.array(z.number()),
  rows: z.number(),
  files: z.number(),
  bytes: z.number(),
});

export type AboutBackup = z.output<typeof aboutBackupSchema>;

export interface BackupPlaces {
  readonly dataFolder: string;
  /** Where it is another one. */
  readonly sharedFolder?: string | undefined;
}

/** Throws `AppError` (CONFIG) unless `path` is missing or an empty folder. */
export async function expectNothingAt(path: string): Promise<void> {
  const names = await readdir(path).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw new AppError('CONFIG', `${path} cannot be looked at (${errnoOf(error) ?? String(error)})`, { cause: error });
  });
  if (names.length === 0) return;
  throw new AppError('CONFIG', `${path} is there already`, { hint: 'give a folder that does not exist yet' });
}

/** Writes all rows, and returns how many. The file is on the disk when this resolves. */
async function writeDump(store: Database, path: string): Promise<{ readonly rows: number; readonly steps: number[] }> {
  const file = await open(path, 'wx', 0o600);
  try {
    return await store.snapshot(async (sql) => {
      let rows = 0;
      let pending: string[] = [];
      const flush = async () => {
        if (pending.length > 0) await file.appendFile(`${pending.join('\n')}\n`);
        pending = [];
      };
      for await (const line of dump(sql, store.dialect)) {
        pending.push(JSON.stringify(line));
        if (Array.isArray(line)) rows += 1;
        if (pending.length >= 500) await flush();
      }
      await flush();
      await file.sync();
      const steps = await sql<{ number: number }[]>`SELECT number FROM schema_migrations ORDER BY number`;
      return { rows, steps: steps.map(({ number }) => number) };
    });
  } finally {
    await file.close();
  }
}

/** Keeps hubs from removing files while `run` runs. Throws `AppError` (TEMPORARY) while another backup is made. */
async function whileNothingIsRemoved<T>(leases: Database, clock: Clock, run: () => Promise<T>): Promise<T> {
  const holder = randomToken(8);
  const take = () =>
    leases.write(async (sql) => {
      const nowMs = await sharedNow(sql, leases.dialect, clock.wallMs());
      return takeLease(sql, { name: BACKUP_LEASE, holder, untilMs: nowMs + LEASE_MS }, nowMs);
    });
  if (!(await take())) {
    const hint = 'wait until it has ended; one that was killed counts for ten minutes';
    throw new AppError('TEMPORARY', 'another backup of this hub is being made', { hint });
  }
  const ended = new AbortController();
  const renewing = (async () => {
    while (!ended.signal.aborted) {
      await clock.sleep(RENEW_MS, ended.signal).catch(() => {}); // the end of the backup
      if (!ended.signal.aborted) await take();
    }
  })();
  renewing.catch(() => {}); // told below
  try {
    const result = await run();
    ended.abort();
    await renewing;
    return result;
  } finally {
    ended.abort();
    await leases.write((sql) => dropLease(sql, BACKUP_LEASE, holder));
  }
}

/**
 * Copies all that a hub has stored into `destination`, a new folder, while it runs: the database as it is in one moment,
 * then the files, of which none that it speaks of goes away meanwhile. `leases` is a second connection. The folder
 * appears when it is complete.
 */
export async function backUp(
  { store, leases }: { readonly store: Database; readonly leases: Database },
  { dataFolder, sharedFolder }: BackupPlaces,
  destination: string,
  { clock, version }: { readonly clock: Clock; readonly version: string },
): Promise<AboutBackup> {
  await expectNothingAt(destination);
  const partial = `${destination}.${randomToken(4)}.partial`;
  try {
    await ensureWritableFolder(partial, 0o700);
    const about = await whileNothingIsRemoved(leases, clock, async () => {
      const createdAt = new Date(clock.wallMs()).toISOString();
      const { rows, steps } = await writeDump(store, join(partial, BACKUP.database));
      const data = await copyFolder(dataFolder, join(partial, BACKUP.data), (name) => NOT_COPIED.test(name));
      const shared =
        sharedFolder === undefined
          ? { files: 0, bytes: 0 }
          : await copyFolder(sharedFolder, join(partial, BACKUP.shared), () => false);
      const [files, bytes] = [data.files + shared.files, data.bytes + shared.bytes];
      return {
        format: 1,
        pwagent: version,
        createdAt,
        engine: store.dialect.engine,
        steps,
        rows,
        files,
        bytes,
      } as const;
    });
    await writeFile(join(partial, BACKUP.about), `${JSON.stringify(about, null, 2)}\n`, { mode: 0o600, flush: true });
    await rm(destination, { recursive: true, force: true }); // an empty folder
    await rename(partial, destination);
    await syncFolder(join(destination, '..'));
    return about;
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => {}); // the first error is the one to report
    const errno = errnoOf(error);
    if (error instanceof AppError || errno === undefined) throw error;
    const hint = 'give a folder that this user may write, with room for all of the data';
    throw new AppError('CONFIG', `the backup cannot be written to ${destination} (${errno})`, { hint, cause: error });
  }
}
