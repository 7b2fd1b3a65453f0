import { Database as LockFile } from 'bun:sqlite';
import { readFileSync, writeFileSync } from 'node:fs';
import { chmod, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../lib/errors.ts';
import { ensureWritableFolder, errnoOf, writeFileAtomically } from '../platform/files.ts';
import { hostName } from '../platform/host.ts';
import { randomToken } from '../platform/random.ts';

const HOLDER = 'hub.holder';
const NAME = 'hub.name';

/** A folder that this process alone serves from. */
export interface DataFolder {
  readonly path: string;
  /** Lets another hub have it. */
  release(): void;
}

function unusable(path: string, error: unknown): AppError {
  const hint = 'give a folder that this user may write with --data';
  return new AppError('CONFIG', `data folder ${path} cannot be written (${errnoOf(error) ?? String(error)})`, {
    hint,
    cause: error,
  });
}

/** Closes the folder to other users, but only one that is ours to change: a shared one is refused. */
async function closeToOthers(path: string): Promise<void> {
  const { mode, uid } = await stat(path);
  if ((mode & 0o077) === 0) return;
  const names = await readdir(path);
  const ours =
    (names.length === 0 || names.includes('hub.db') || names.includes('hub.lock')) &&
    (mode & 0o1000) === 0 &&
    uid === process.getuid?.();
  if (!ours) {
    const hint = `run chmod 700 ${path}, or give another folder with --data`;
    throw new AppError('CONFIG', `data folder ${path} is open to other users, and tokens are kept in it`, { hint });
  }
  await chmod(path, 0o700);
}

/** Who has the folder, for whoever wants it too; means nothing while the lock is free. */
function holderOf(path: string): string {
  try {
    const text = readFileSync(join(path, HOLDER), 'utf8').trim();
    return /^process \d+ on \S+$/.test(text) ? ` (${text})` : '';
  } catch {
    return ''; // it is just starting
  }
}

/** Holds an exclusive lock that the system takes back when this process dies, however it dies. */
function lock(path: string): () => void {
  const file = new LockFile(join(path, 'hub.lock'), { create: true });
  try {
    file.run('PRAGMA locking_mode = EXCLUSIVE');
    file.run('BEGIN EXCLUSIVE');
  } catch (error) {
    file.close();
    const hint = 'stop that hub first, or give another folder with --data';
    const message = `data folder ${path} is in use by another hub${holderOf(path)}`;
    throw new AppError('CONFIG', message, { hint, cause: error });
  }
  writeFileSync(join(path, HOLDER), `process ${process.pid} on ${hostName()}\n`, { mode: 0o600 });
  return () => file.close();
}

/** Makes or takes over the data folder, mode 0700. Throws `AppError` (CONFIG) and leaves nothing half-made. */
export async function openDataFolder(path: string): Promise<DataFolder> {
  try {
    await ensureWritableFolder(path, 0o700);
    await closeToOthers(path);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw unusable(path, error);
  }
  return { path, release: lock(path) };
}

/** What names the hub on this folder among those on one database, the same after each start. */
export async function hubName({ path }: DataFolder): Promise<string> {
  const file = join(path, NAME);
  const found = await readFile(file, 'utf8').catch(() => ''); // missing at the first start
  if (/^[0-9a-f]{16}$/.test(found.trim())) return found.trim();
  const name = randomToken(8);
  await writeFileAtomically(file, `${name}\n`, 0o600);
  return name;
}

/** A token for people and programs of this machine, in a file of the data folder with mode 0600. */
export interface TokenFile {
  readonly path: string;
  /** The token that the file holds, or undefined where there is no such file. */
  read(): Promise<string | undefined>;
  write(token: string): Promise<void>;
}

export function tokenFile(folder: DataFolder, name: 'registration-token' | 'admin-token'): TokenFile {
  const path = join(folder.path, name);
  return {
    path,
    async read() {
      try {
        return (await readFile(path, 'utf8')).trim();
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return undefined;
        throw unusable(path, error);
      }
    },
    async write(token) {
      try {
        await writeFileAtomically(path, `${token}\n`, 0o600);
      } catch (error) {
        throw unusable(path, error);
      }
    },
  };
}
