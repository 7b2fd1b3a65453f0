import { AppError } from '../../lib/errors.ts';
import { Secret } from '../../lib/secret.ts';
import { parseSize } from '../../lib/size.ts';
import type { SigningCredentials } from '../../platform/ec2/sigv4.ts';
import type { Environment } from '../../platform/environment.ts';
import type { BlobLimits } from './blob-desk.ts';
import type { BlobStore } from './blob-store.ts';
import { openFolderBlobs } from './folder-blobs.ts';
import { s3Blobs } from './s3-blobs.ts';
import type { S3Place } from './s3-direct.ts';

/** Where content goes and how much of it, as flags say it. */
export interface BlobFlags {
  /** `s3://bucket[/prefix]`. */
  readonly blobs?: string | undefined;
  readonly s3Endpoint?: string | undefined;
  readonly s3Region?: string | undefined;
  readonly cacheLimit?: string | undefined;
  readonly artifactLimit?: string | undefined;
}

export interface BlobOptions {
  /** Undefined: a folder of the hub. */
  readonly s3?: { readonly place: S3Place; readonly credentials: SigningCredentials } | undefined;
  readonly limits: Partial<BlobLimits>;
}

function usage(message: string, hint: string): AppError {
  return new AppError('USAGE', message, { hint });
}

function limitOf(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined;
  try {
    return parseSize(text);
  } catch (error) {
    throw new AppError('USAGE', `${flag} "${text}" is not a size`, { hint: 'write it like 50GiB', cause: error });
  }
}

function placeOf(text: string, flags: BlobFlags, env: Environment): S3Place {
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([A-Za-z0-9._/-]*))?$/.exec(text);
  if (match === null) {
    throw usage(`--blobs "${text}" is not a bucket`, 'write it like s3://bucket or s3://bucket/prefix');
  }
  const { s3Endpoint } = flags;
  const url = s3Endpoint !== undefined && URL.canParse(s3Endpoint) ? new URL(s3Endpoint) : undefined;
  const isPlain = url !== undefined && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === '';
  if (s3Endpoint !== undefined && !isPlain) {
    throw usage(`--s3-endpoint "${s3Endpoint}" is not an address`, 'write it like https://minio.example:9000');
  }
  const prefix = (match[2] ?? '').replace(/^\/+|\/+$/g, '');
  return {
    endpoint: url?.origin,
    region: flags.s3Region ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION ?? 'us-east-1',
    bucket: match[1] ?? '',
    prefix: prefix === '' ? '' : `${prefix}/`,
  };
}

function credentialsOf(env: Environment): SigningCredentials {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: session } = env;
  if (!accessKeyId || !secret) {
    const hint = 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in its environment, never on the command line';
    throw new AppError('CONFIG', '--blobs needs credentials for the bucket', { hint });
  }
  const sessionToken = session ? new Secret(session) : undefined;
  return { accessKeyId, secretAccessKey: new Secret(secret), sessionToken };
}

/** Reads the flags. Throws `AppError`: USAGE for one that is wrong, CONFIG for missing credentials. */
export function parseBlobFlags(flags: BlobFlags, env: Environment): BlobOptions {
  const { blobs, s3Endpoint, s3Region } = flags;
  if (blobs === undefined && (s3Endpoint !== undefined || s3Region !== undefined)) {
    const flag = s3Endpoint === undefined ? '--s3-region' : '--s3-endpoint';
    throw usage(`${flag} is for a bucket`, 'name it with --blobs s3://bucket');
  }
  const cacheBytes = limitOf(flags.cacheLimit, '--cache-limit');
  const artifactBytes = limitOf(flags.artifactLimit, '--artifact-limit');
  return {
    s3: blobs === undefined ? undefined : { place: placeOf(blobs, flags, env), credentials: credentialsOf(env) },
    limits: {
      ...(cacheBytes === undefined ? {} : { allCachesBytes: cacheBytes }),
      ...(artifactBytes === undefined ? {} : { taskArtifactBytes: artifactBytes }),
    },
  };
}

/** Opens the store: the bucket, or else `folder`. */
export async function openBlobs({ s3 }: BlobOptions, folder: string, wallMs: () => number): Promise<BlobStore> {
  return s3 === undefined ? openFolderBlobs(folder) : s3Blobs({ ...s3, fetch, wallMs });
}
