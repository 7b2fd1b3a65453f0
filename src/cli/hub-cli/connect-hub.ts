import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isLoopbackHost } from '../../hub/http/access.ts';
import { defaultDataFolder } from '../../hub/hub-options.ts';
import { AppError } from '../../lib/errors.ts';
import { Secret } from '../../lib/secret.ts';
import type { Environment } from '../../platform/environment.ts';
import { readSecretFile } from '../../platform/text-file.ts';
import { rootsFrom } from '../../rpc/tls.ts';
import { createHubRequests, type HubRequests } from './hub-request.ts';

/** Flags of everything that speaks to a hub. */
export interface HubFlags {
  readonly hub?: string;
  readonly tokenFile?: string;
}

const DEFAULT_HUB = 'http://127.0.0.1:7480';

/** Checks the address of a hub and drops what does not matter. Throws `AppError` (CONFIG). */
export function hubAddress(text: string): string {
  const hint = `write it like ${DEFAULT_HUB}`;
  let url: URL;
  try {
    url = new URL(text);
  } catch (error) {
    throw new AppError('CONFIG', `--hub "${text}" is not an address`, { hint, cause: error });
  }
  if (url.username !== '' || url.password !== '') {
    throw new AppError('CONFIG', '--hub has credentials in it', { hint: 'give the token with --token-file' });
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new AppError('CONFIG', `--hub "${text}" is neither http:// nor https://`, { hint });
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

/** The address of `--hub`, of PWAGENT_HUB, or the usual one on this machine. Throws `AppError` (CONFIG). */
export function chosenHub({ hub }: HubFlags, env: Environment): string {
  return hubAddress(hub ?? (env.PWAGENT_HUB || DEFAULT_HUB));
}

/** Where a hub of this user on this machine has put its admin token, when it took the usual folder. */
function ownAdminToken(hub: string, env: Environment): string | undefined {
  if (!env.HOME || !isLoopbackHost(new URL(hub).host)) return undefined;
  const file = join(defaultDataFolder(env, process.platform), 'admin-token');
  return existsSync(file) ? file : undefined;
}

/**
 * The token of `--token-file`, of PWAGENT_HUB_TOKEN, of the file that PWAGENT_HUB_TOKEN_FILE names, or of this user's own
 * hub on this machine; undefined when there is none. Throws `AppError` (CONFIG) for a file that holds none.
 */
export function chosenToken({ tokenFile }: HubFlags, hub: string, env: Environment): Secret | undefined {
  const given = (env.PWAGENT_HUB_TOKEN ?? '').trim();
  if (tokenFile === undefined && given !== '') {
    if (/^[\x21-\x7e]+$/.test(given)) return new Secret(given);
    throw new AppError('CONFIG', 'PWAGENT_HUB_TOKEN does not hold a token', { hint: 'it must be the token alone' });
  }
  const file = tokenFile ?? (env.PWAGENT_HUB_TOKEN_FILE || ownAdminToken(hub, env));
  if (file === undefined) return undefined;
  return new Secret(readSecretFile(file, 'token file'));
}

/** The same, for what cannot be done without one. Throws `AppError` (CONFIG). */
export function requiredToken(flags: HubFlags, hub: string, env: Environment): Secret {
  const token = chosenToken(flags, hub, env);
  if (token !== undefined) return token;
  const hint = 'use --token-file FILE, or set PWAGENT_HUB_TOKEN; the hub writes admin-token into its data folder';
  throw new AppError('CONFIG', 'no token was given', { hint });
}

/** Certificates beyond the usual ones, as SSL_CERT_FILE names them. */
export function rootsFor(hub: string, env: Environment): readonly string[] {
  const certFile = env.SSL_CERT_FILE ?? '';
  return hub.startsWith('https:') && certFile !== '' ? rootsFrom(certFile) : [];
}

export function connectHub(flags: HubFlags, env: Environment): HubRequests {
  const hub = chosenHub(flags, env);
  return createHubRequests(hub, chosenToken(flags, hub, env), rootsFor(hub, env));
}
