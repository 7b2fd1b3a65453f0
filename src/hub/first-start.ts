import { basename } from 'node:path';
import type { Logger } from '../lib/log.ts';
import { Secret } from '../lib/secret.ts';
import { randomToken } from '../platform/random.ts';
import { type DataFolder, type TokenFile, tokenFile } from './data-folder.ts';
import type { Database } from './store/database.ts';
import type { IdSource } from './store/ids.ts';
import { ensurePool } from './store/pools.ts';
import { addToken, findToken, stateOfToken, type TokenPurpose, type TokenRecord } from './store/tokens.ts';

interface TokenKind {
  readonly file: TokenFile;
  /** Whether a valid token is of the kind that belongs into the file. */
  readonly fits: (token: TokenRecord) => boolean;
  readonly purpose: TokenPurpose;
}

/**
 * Sees to it that the file holds a token that works. Only hashes are stored, so a lost file cannot be written again: a
 * new token takes its place, and the log says so. The hash is stored before the file is written: killed in between,
 * the next start finds no file and issues another. Resolves with the token where one was issued.
 */
async function ensureToken(
  store: Database,
  { file, fits, purpose }: TokenKind,
  isNew: boolean,
  nowMs: number,
  log: Logger,
): Promise<string | undefined> {
  const found = await file.read();
  const known = found === undefined ? undefined : await store.read((sql) => findToken(sql, found));
  if (known !== undefined && stateOfToken(known, nowMs) === 'valid' && fits(known)) return undefined;
  const token = randomToken();
  const note = `for the file ${basename(file.path)}`;
  await store.write((sql) => addToken(sql, token, purpose, { nowMs, note }));
  await file.write(token);
  const fields = { file: file.path };
  if (isNew) log.info('token issued', fields);
  else if (found === undefined)
    log.warn('token file was missing: a new token was issued, older ones stay valid', fields);
  else log.warn('token file held no token of this hub: a new one was issued in its place', fields);
  return token;
}

/** Where the tokens of a running hub are. */
export interface TokenPaths {
  readonly registrationToken: string;
  readonly adminToken: string;
  /** The admin token itself where this start issued it, to be shown this once. */
  readonly issued: Secret | undefined;
}

/** Pool `default`, its registration token and the first API token, as far as they are missing. */
export async function prepareTokens(
  store: Database,
  folder: DataFolder,
  ids: IdSource,
  nowMs: number,
  log: Logger,
): Promise<TokenPaths> {
  const isNew = (await store.read((sql) => sql`SELECT id FROM pools LIMIT 1`)).length === 0;
  const pool = await store.write((sql) => ensurePool(sql, 'default', ids.next(), nowMs));
  const registration = tokenFile(folder, 'registration-token');
  const admin = tokenFile(folder, 'admin-token');
  const registrationKind: TokenKind = {
    file: registration,
    fits: ({ poolId }) => poolId !== null,
    purpose: { poolId: pool.id },
  };
  const adminKind: TokenKind = {
    file: admin,
    fits: ({ role }) => role === 'admin',
    purpose: { role: 'admin' },
  };
  await ensureToken(store, registrationKind, isNew, nowMs, log);
  const token = await ensureToken(store, adminKind, isNew, nowMs, log);
  const issued = token === undefined ? undefined : new Secret(token);
  return { registrationToken: registration.path, adminToken: admin.path, issued };
}
