import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../lib/errors.ts';
import type { Secret } from '../lib/secret.ts';
import type { Environment } from '../platform/environment.ts';
import { errnoOf } from '../platform/files.ts';
import type { ServerCertificate } from '../rpc/tls.ts';
import type { BlobOptions } from './blobs/blob-options.ts';
import { isLoopbackHost } from './http/access.ts';
import type { RetentionLimits } from './upkeep/retention.ts';

/** An address to listen on; port 0 picks a free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface HubOptions {
  /** For HTTP: page, interface and source. */
  readonly listen: ListenAddress;
  /** For gRPC: workers and agents. */
  readonly grpc: ListenAddress;
  readonly dataFolder: string;
  readonly retention?: RetentionLimits | undefined;
  /** With less room on its disks the hub takes no new work. */
  readonly minFreeBytes?: number | undefined;
  /** What all hubs on one database share: work trees, logs, caches and artifacts. By default the data folder. */
  readonly sharedFolder?: string | undefined;
  /** Address of a PostgreSQL database, with its password; by default a file of SQLite in the data folder. */
  readonly database?: Secret | undefined;
  /** Where caches and artifacts go; by default a folder below what is shared. */
  readonly blobs?: BlobOptions | undefined;
  /** For both. */
  readonly certificate?: ServerCertificate | undefined;
  /** How people and tasks reach the HTTP side, without a slash at the end; by default where it listens. */
  readonly publicUrl?: string | undefined;
  /** Patterns of repositories that may be fetched; left out: any on a hub that listens on loopback, else none. */
  readonly allowRepositories?: readonly string[] | undefined;
  /** Key that secrets are sealed with, for hubs that share a database; left out: a file of the data folder. */
  readonly secretsKeyFile?: string | undefined;
  /** How long running calls may go on after the hub was told to end. Default 5 s. */
  readonly drainMs?: number | undefined;
}

/** Reads `host:port` or `[address]:port`. Throws `AppError` (USAGE) that names the flag. */
export function parseListen(text: string, flag: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    const hint = 'write it like 127.0.0.1:7480, or [::1]:7480';
    throw new AppError('USAGE', `${flag} "${text}" is not an address to listen on`, { hint });
  }
  return { host: match[1] ?? match[2] ?? '', port };
}

/** `host:port` again, with brackets where they are needed. */
export function formatListen({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * Refuses to serve others in clear text by oversight: tokens and logs would go over the network for all to read. Throws
 * `AppError` (CONFIG) that names the flag.
 */
export function checkExposure(
  { listen, grpc, certificate }: Pick<HubOptions, 'listen' | 'grpc' | 'certificate'>,
  allowClearText: boolean,
): void {
  if (certificate !== undefined || allowClearText) return;
  for (const [flag, address] of [['--listen', listen] as const, ['--grpc', grpc] as const]) {
    if (isLoopbackHost(address.host)) continue;
    const hint =
      'give --tls-cert and --tls-key; behind a proxy that speaks TLS, or in a network that you trust, --allow-clear-text';
    const where = formatListen(address);
    throw new AppError('CONFIG', `${flag} ${where} can be reached from other machines, and nothing is encrypted`, {
      hint,
    });
  }
}

/** Reads `--public-url`. Throws `AppError` (USAGE). */
export function parsePublicUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    const hint = 'write it like https://hub.example or http://10.0.0.5:7480';
    throw new AppError('USAGE', `--public-url "${text}" is not a web address`, { hint });
  }
  return url.href.replace(/\/+$/, '');
}

async function readPem(path: string, flag: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const message = `${flag} ${path} cannot be read (${errnoOf(error) ?? String(error)})`;
    throw new AppError('CONFIG', message, { hint: 'give a readable PEM file', cause: error });
  }
}

/** The pair of `--tls-cert` and `--tls-key`, or undefined without them. Throws `AppError` (USAGE, CONFIG). */
export async function readCertificate(
  certFile: string | undefined,
  keyFile: string | undefined,
): Promise<ServerCertificate | undefined> {
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined) {
    const missing = certFile === undefined ? '--tls-cert' : '--tls-key';
    throw new AppError('USAGE', `${missing} is missing`, { hint: 'TLS needs both --tls-cert and --tls-key' });
  }
  return { certificate: await readPem(certFile, '--tls-cert'), key: await readPem(keyFile, '--tls-key') };
}

/** Where the hub keeps its data unless told otherwise. Throws `AppError` (USAGE) when the environment names no home. */
export function defaultDataFolder(env: Environment, os: string): string {
  if (os !== 'darwin' && env.XDG_STATE_HOME) return join(env.XDG_STATE_HOME, 'pwagent-hub');
  if (!env.HOME) {
    throw new AppError('USAGE', 'there is no place for data, since HOME is not set', { hint: 'give one with --data' });
  }
  return os === 'darwin'
    ? join(env.HOME, 'Library/Application Support/pwagent-hub')
    : join(env.HOME, '.local/state/pwagent-hub');
}
