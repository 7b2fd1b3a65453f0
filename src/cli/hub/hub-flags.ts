import { resolve } from 'node:path';
import { type BlobFlags, parseBlobFlags } from '../../hub/blobs/blob-options.ts';
import { DATABASE_VARIABLE, databaseAddress } from '../../hub/database-options.ts';
import {
  checkExposure,
  defaultDataFolder,
  type HubOptions,
  parseListen,
  parsePublicUrl,
  readCertificate,
} from '../../hub/hub-options.ts';
import { parseRepositoryPattern } from '../../hub/source/repository-policy.ts';
import { parseDuration } from '../../lib/duration.ts';
import { AppError } from '../../lib/errors.ts';
import { LOG_LEVELS } from '../../lib/log.ts';
import { parseSize } from '../../lib/size.ts';
import type { CliContext } from '../context.ts';
import { defineCommand } from '../define-command.ts';

/** Flags of `pwagent hub`. */
export interface HubFlags extends BlobFlags {
  readonly listen: string;
  readonly grpc: string;
  readonly data?: string;
  readonly database?: string;
  readonly databasePasswordFile?: string;
  readonly shared?: string;
  readonly minFree: string;
  readonly keepBuilds: string;
  readonly keepLogs: string;
  readonly maxLogs: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly publicUrl?: string;
  readonly allowClearText?: boolean;
  readonly allowRepo?: readonly string[];
  readonly secretsKey?: string;
  readonly drain: string;
  readonly logLevel: string;
}

export function makeHubCommand() {
  return defineCommand({
    name: 'hub',
    summary:
      'Serve a control plane: workers poll it for tasks, `pwagent submit` gives it builds, and its page shows them.\n' +
      'The first start makes a data folder with a registration token for workers and an admin token for people.',
    examples: [
      ['pwagent hub', 'for this machine alone'],
      [
        'pwagent hub --data /var/lib/pwagent-hub --allow-repo "https://github.com/acme/*"',
        'builds of repositories, too',
      ],
      ['pwagent hub --listen 10.0.0.5:443 --grpc 10.0.0.5:7481 --tls-cert hub.pem --tls-key hub.key', 'for others'],
    ],
  })
    .option(
      '--listen <host:port>',
      'address of the page, the HTTP interface and the source of builds',
      '127.0.0.1:7480',
    )
    .option('--grpc <host:port>', 'address for workers and agents', '127.0.0.1:7481')
    .option('--data <dir>', 'folder for database, tokens and work trees (default: a folder below your home)')
    .option('--database <url>', `PostgreSQL database, for several hubs behind one address; also ${DATABASE_VARIABLE}`)
    .option('--database-password-file <file>', 'file with the password of that database')
    .option(
      '--shared <dir>',
      'folder that all hubs on that database see, for work trees, logs, caches (default: --data)',
    )
    .option('--blobs <bucket>', 'keep caches and artifacts in s3://bucket/prefix (default: in a folder)')
    .option('--s3-endpoint <url>', 'address of an S3-compatible store (default: Amazon)')
    .option('--s3-region <name>', 'region of the bucket (default: AWS_REGION, else us-east-1)')
    .option('--cache-limit <size>', 'all caches together; those not used for longest go first', '50GiB')
    .option('--artifact-limit <size>', 'all artifacts of one task together', '20GiB')
    .option('--min-free <size>', 'take no new work with less room than that on the disk', '256MiB')
    .option('--keep-builds <duration>', 'forget builds so long after their end; 0 = never', '90d')
    .option('--keep-logs <duration>', 'forget logs so long after the end of their build; 0 = never', '30d')
    .option('--max-logs <size>', 'forget the logs of the oldest builds beyond that; 0 = never', '50GiB')
    .option('--tls-cert <file>', 'PEM certificate chain; serves both addresses with TLS')
    .option('--tls-key <file>', 'PEM private key of that certificate')
    .option('--public-url <url>', 'how people and tasks reach the HTTP address (default: where it listens)')
    .option('--allow-clear-text', 'listen beyond this machine without TLS: behind a proxy, or in a network you trust')
    .option(
      '--allow-repo <pattern>',
      'repositories that may be fetched, such as https://github.com/acme/* (repeat for more; default: any on loopback, else none)',
      (word, all: string[] = []) => [...all, word],
    )
    .option(
      '--secrets-key <file>',
      'key of mapped secrets, the same for all hubs of a database (default: in the data folder)',
    )
    .option('--drain <duration>', 'how long running calls may go on after SIGTERM', '5s')
    .option('--log-level <level>', `one of ${Object.keys(LOG_LEVELS).join(', ')}`, 'info');
}

/** What a flag says, by the parser of its kind; a mistake names the flag. */
function parsed(flag: string, text: string, parse: (text: string) => number): number {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError('USAGE', `${flag}: ${error.message}`, { hint: error.hint, cause: error });
  }
}

/** Throws `AppError`: USAGE for a wrong flag, CONFIG for what may not be. */
export async function hubOptions(flags: HubFlags, context: CliContext): Promise<HubOptions> {
  if (!Object.hasOwn(LOG_LEVELS, flags.logLevel)) {
    const hint = `use one of ${Object.keys(LOG_LEVELS).join(', ')}`;
    throw new AppError('USAGE', `--log-level "${flags.logLevel}" is not a level`, { hint });
  }
  const addresses = {
    listen: parseListen(flags.listen, '--listen'),
    grpc: parseListen(flags.grpc, '--grpc'),
    certificate: await readCertificate(flags.tlsCert, flags.tlsKey),
  };
  checkExposure(addresses, flags.allowClearText === true);
  return {
    ...addresses,
    dataFolder: resolve(flags.data ?? defaultDataFolder(context.env, process.platform)), // children run elsewhere
    sharedFolder: flags.shared === undefined ? undefined : resolve(flags.shared),
    database: await databaseAddress(flags, context.env),
    blobs: parseBlobFlags(flags, context.env),
    publicUrl: flags.publicUrl === undefined ? undefined : parsePublicUrl(flags.publicUrl),
    allowRepositories: flags.allowRepo?.map(parseRepositoryPattern),
    secretsKeyFile: flags.secretsKey === undefined ? undefined : resolve(flags.secretsKey),
    drainMs: parsed('--drain', flags.drain, parseDuration),
    minFreeBytes: parsed('--min-free', flags.minFree, parseSize),
    retention: {
      buildsMs: parsed('--keep-builds', flags.keepBuilds, parseDuration),
      logsMs: parsed('--keep-logs', flags.keepLogs, parseDuration),
      logBytes: parsed('--max-logs', flags.maxLogs, parseSize),
    },
  };
}
