import { createReadStream } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { AppError } from '../../lib/errors.ts';
import { ensureWritableFolder, errnoOf, syncFolder } from '../../platform/files.ts';
import { randomToken } from '../../platform/random.ts';
import { connectTo, isPostgres } from '../store/connection.ts';
import type { DumpLine } from '../store/dump.ts';
import { load } from '../store/load.ts';
import { MIGRATIONS } from '../store/migrations.ts';
import { type AboutBackup, aboutBackupSchema, BACKUP, expectNothingAt } from './backup.ts';
import { copyFolder } from './copy-folder.ts';

export interface RestorePlaces {
  /** Both are made; neither may hold anything. */
  readonly dataFolder: string;
  readonly sharedFolder?: string | undefined;
  /** An empty PostgreSQL database, for a backup of one. */
  readonly database?: string | undefined;
}

async function readAbout(source: string): Promise<AboutBackup> {
  const file = join(source, BACKUP.about);
  const hint = 'give the folder that "pwagent hub backup" wrote';
  try {
    return aboutBackupSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    const what = errnoOf(error) === undefined ? 'is not what a backup begins with' : 'cannot be read';
    throw new AppError('CONFIG', `${file} ${what}`, { hint, cause: error });
  }
}

async function* linesOf(path: string): AsyncGenerator<DumpLine> {
  const lines = createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY });
  for await (const line of lines) yield JSON.parse(line) as DumpLine;
}

async function loadInto(address: string, source: string, { steps, rows }: AboutBackup): Promise<void> {
  const connection = await connectTo(address);
  try {
    const loaded = await load(connection, MIGRATIONS, new Set(steps), linesOf(join(source, BACKUP.database)));
    // the rows that say which steps there were are written by the steps themselves
    if (loaded + steps.length === rows) return;
    const hint = 'take another backup';
    throw new AppError('CONFIG', `the backup lacks rows: ${loaded + steps.length} of ${rows} are there`, { hint });
  } finally {
    await connection.close();
  }
}

/**
 * Makes a hub out of a backup, in new folders and, where the backup is of one, an empty PostgreSQL database. The folders
 * appear when everything is in place. Throws `AppError` (CONFIG) without having changed anything.
 */
export async function restore(source: string, places: RestorePlaces): Promise<AboutBackup> {
  const { dataFolder, sharedFolder, database } = places;
  const about = await readAbout(source);
  if ((about.engine === 'postgres') !== (database !== undefined && isPostgres(database))) {
    const hint =
      about.engine === 'postgres' ? 'give an empty one with --database' : 'leave --database out: it goes into --data';
    throw new AppError('CONFIG', `the backup is of a hub on ${about.engine}`, { hint });
  }
  for (const folder of [dataFolder, sharedFolder]) if (folder !== undefined) await expectNothingAt(folder);
  const mark = `${randomToken(4)}.partial`;
  const made: [partial: string, folder: string][] = [];
  try {
    const place = async (name: string, folder: string) => {
      await ensureWritableFolder(`${folder}.${mark}`, 0o700);
      made.push([`${folder}.${mark}`, folder]);
      await copyFolder(join(source, name), `${folder}.${mark}`, () => false);
    };
    await place(BACKUP.data, dataFolder);
    if (sharedFolder !== undefined) await place(BACKUP.shared, sharedFolder);
    await loadInto(database ?? join(`${dataFolder}.${mark}`, 'hub.db'), source, about);
    for (const [partial, folder] of made) {
      await rm(folder, { recursive: true, force: true }); // an empty one
      await rename(partial, folder);
      await syncFolder(join(folder, '..'));
    }
    return about;
  } catch (error) {
    for (const [partial] of made) await rm(partial, { recursive: true, force: true }).catch(() => {}); // see backup
    const errno = errnoOf(error);
    if (error instanceof AppError || errno === undefined || errno.startsWith('ERR_') || errno.startsWith('SQLITE_'))
      throw error;
    throw new AppError('CONFIG', `the backup cannot be restored (${errno})`, { cause: error });
  }
}
