import { readFile } from 'node:fs/promises';
import { AppError } from '../lib/errors.ts';
import { Secret } from '../lib/secret.ts';
import type { Environment } from '../platform/environment.ts';
import { errnoOf } from '../platform/files.ts';
import { isPostgres } from './store/connection.ts';

export const DATABASE_VARIABLE = 'PWAGENT_DATABASE_URL';

export interface DatabaseFlags {
  /** Of `--database`, which other users of the machine can read. */
  readonly database?: string | undefined;
  readonly databasePasswordFile?: string | undefined;
}

function parseAddress(text: string, where: string): URL {
  const url = isPostgres(text) && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.hostname === '' || url.pathname.length < 2) {
    const hint =
      'write it like postgres://user@db.example:5432/pwagent; without one, SQLite keeps everything in --data';
    throw new AppError('USAGE', `${where} is not the address of a PostgreSQL database`, { hint });
  }
  return url;
}

async function readPassword(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    const message = `--database-password-file ${path} cannot be read (${errnoOf(error) ?? String(error)})`;
    throw new AppError('CONFIG', message, { hint: 'give a readable file with the password alone', cause: error });
  }
}

/**
 * The PostgreSQL database of `--database`, or else of the variable PWAGENT_DATABASE_URL; undefined for the file in the
 * data folder. Throws `AppError` (USAGE, CONFIG), also for a password among the arguments, where everybody can read it.
 */
export async function databaseAddress(flags: DatabaseFlags, env: Environment): Promise<Secret | undefined> {
  const variable = env[DATABASE_VARIABLE];
  const text = flags.database ?? (variable === '' ? undefined : variable);
  if (text === undefined) {
    if (flags.databasePasswordFile === undefined) return undefined;
    const hint = `give the address with --database or ${DATABASE_VARIABLE}`;
    throw new AppError('USAGE', '--database-password-file is given without a database', { hint });
  }
  const url = parseAddress(text, flags.database === undefined ? DATABASE_VARIABLE : '--database');
  if (flags.database !== undefined && url.password !== '') {
    const hint = `put it into a file for --database-password-file, or give the whole address in ${DATABASE_VARIABLE}`;
    throw new AppError('USAGE', '--database must not hold a password, since every user can read arguments', { hint });
  }
  if (flags.databasePasswordFile !== undefined)
    url.password = encodeURIComponent(await readPassword(flags.databasePasswordFile));
  return new Secret(url.href);
}
