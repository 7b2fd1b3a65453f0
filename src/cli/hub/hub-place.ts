import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { type BlobFlags, parseBlobFlags } from '../../hub/blobs/blob-options.ts';
import { DATABASE_VARIABLE, type DatabaseFlags, databaseAddress } from '../../hub/database-options.ts';
import { defaultDataFolder } from '../../hub/hub-options.ts';
import { type ObjectStore, openObjects } from '../../hub/logs/object-store.ts';
import { Database } from '../../hub/store/database.ts';
import type { Environment } from '../../platform/environment.ts';

/** Where a hub keeps what it keeps, for commands that work on it directly. */
export interface HubPlaceFlags extends DatabaseFlags, BlobFlags {
  readonly data?: string;
  readonly shared?: string;
}

export interface HubPlace {
  readonly store: Database;
  readonly dataFolder: string;
  /** Where it is another one. */
  readonly sharedFolder: string | undefined;
  readonly logFolder: string;
  readonly objects: ObjectStore;
}

/** Adds the flags that say where; the same as those of `pwagent hub`. */
export function withHubPlace(command: Command): Command {
  return command
    .option('--data <dir>', 'data folder of the hub (default: a folder below your home)')
    .option('--database <url>', `its PostgreSQL database, where it has one; also ${DATABASE_VARIABLE}`)
    .option('--shared <dir>', 'folder that its hubs share, where there is one (default: --data)')
    .option('--blobs <bucket>', 'its bucket, s3://bucket/prefix, where it has one')
    .option('--s3-endpoint <url>', 'address of that S3-compatible store (default: Amazon)')
    .option('--s3-region <name>', 'region of the bucket')
    .option('--database-password-file <file>', 'file with the password of that database');
}

/** Opens the store of a hub, which may be running, without changing it. Throws `AppError` (USAGE, CONFIG, UNAVAILABLE). */
export async function openHubPlace(flags: HubPlaceFlags, env: Environment): Promise<HubPlace> {
  const dataFolder = resolve(flags.data ?? defaultDataFolder(env, process.platform));
  const sharedFolder = flags.shared === undefined ? undefined : resolve(flags.shared);
  const objects = await openObjects(parseBlobFlags(flags, env), join(sharedFolder ?? dataFolder, 'objects'));
  const address = await databaseAddress(flags, env);
  const store = await Database.openExisting(address?.reveal() ?? join(dataFolder, 'hub.db'));
  return {
    store,
    dataFolder,
    sharedFolder,
    logFolder: join(dataFolder, 'logs'),
    objects,
  };
}
