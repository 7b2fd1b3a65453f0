import { readFile } from 'node:fs/promises';
import { AppError } from '../../lib/errors.ts';
import { Secret } from '../../lib/secret.ts';
import type { Environment } from '../../platform/environment.ts';
import { errnoOf } from '../../platform/files.ts';

/** A build to be started. */
export interface SubmitOptions {
  /** Address of the hub, `http://127.0.0.1:7480`. */
  readonly hub: string;
  readonly token: Secret;
  /** The work tree. */
  readonly folder: string;
  /** The configuration, relative to the work tree. */
  readonly file: string;
  /** Variables for the configuration and for all tasks. */
  readonly variables: Readonly<Record<string, string>>;
  /** Print one JSON object at the end and nothing else. */
  readonly json: boolean;
  /** Stay until the build is finished, showing its logs. */
  readonly follow: boolean;
}

/** Checks the address of a hub and drops what does not matter. Throws `AppError` (CONFIG). */
export function hubAddress(text: string): string {
  const hint = 'write it like http://127.0.0.1:7480';
  let url: URL;
  try {
    url = new URL(text);
  } catch (error) {
    throw new AppError('CONFIG', `--hub "${text}" is not an address`, { hint, cause: error });
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new AppError('CONFIG', `--hub "${text}" is neither http:// nor https://`, { hint });
  }
  if (url.username !== '' || url.password !== '') {
    throw new AppError('CONFIG', '--hub has credentials in it', { hint: 'give the token with --token-file' });
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

async function tokenFromFile(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    const reason = errnoOf(error) === 'ENOENT' ? 'does not exist' : `cannot be read (${errnoOf(error)})`;
    const hint = 'the hub writes admin-token into its data folder at its first start';
    throw new AppError('CONFIG', `token file ${file} ${reason}`, { hint, cause: error });
  }
}

/** The token of `--token-file`, or of PWAGENT_HUB_TOKEN. Throws `AppError` (CONFIG) when there is none. */
export async function readToken(file: string | undefined, env: Environment): Promise<Secret> {
  const token = file === undefined ? (env.PWAGENT_HUB_TOKEN ?? '').trim() : await tokenFromFile(file);
  if (/^[\x21-\x7e]+$/.test(token)) return new Secret(token);
  const where = file === undefined ? 'no token was given' : `token file ${file} holds no token`;
  throw new AppError('CONFIG', where, { hint: 'use --token-file FILE, or set PWAGENT_HUB_TOKEN' });
}
