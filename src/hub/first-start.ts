import type { Logger } from '../lib/log.ts';
import { randomToken } from '../platform/random.ts';
import { type DataFolder, type TokenFile, tokenFile } from './data-folder.ts';
import type { Database, Queries } from './store/database.ts';
import type { IdSource } from './store/ids.ts';
import { addApiToken, addRegistrationToken, ensurePool, poolOfToken, roleOfToken } from './store/tokens.ts';

interface TokenKind {
  readonly file: TokenFile;
  readonly isGood: (sql: Queries, token: string) => Promise<boolean>;
  readonly add: (sql: Queries, token: string) => Promise<void>;
}

/**
 * Sees to it that the file holds a token that works. Only hashes are stored, so a lost file cannot be written again: a
 * new token takes its place, and the log says so. The hash is stored before the file is written: killed in between,
 * the next start finds no file and issues another.
 */
async function ensureToken(store: Database, { file, isGood, add }: TokenKind, isNew: boolean, log: Logger) {
  const found = await file.read();
  if (found !== undefined && (await store.read((sql) => isGood(sql, found)))) return;
  const token = randomToken();
  await store.write((sql) => add(sql, token));
  await file.write(token);
  const fields = { file: file.path };
  if (isNew) log.info('token issued', fields);
  else if (found === undefined)
    log.warn('token file was missing: a new token was issued, older ones stay valid', fields);
  else log.warn('token file held no token of this hub: a new one was issued in its place', fields);
}

/** Where the tokens of a running hub are. */
export interface TokenPaths {
  readonly registrationToken: string;
  readonly adminToken: string;
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
    isGood: async (sql, token) => (await poolOfToken(sql, token)) !== undefined,
    add: (sql, token) => addRegistrationToken(sql, token, pool.id, nowMs),
  };
  const adminKind: TokenKind = {
    file: admin,
    isGood: async (sql, token) => (await roleOfToken(sql, token)) === 'admin',
    add: (sql, token) => addApiToken(sql, token, 'admin', nowMs),
  };
  for (const kind of [registrationKind, adminKind]) await ensureToken(store, kind, isNew, log);
  return { registrationToken: registration.path, adminToken: admin.path };
}
