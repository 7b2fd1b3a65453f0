import { chmod, lstat, mkdir, open, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../../lib/errors.ts';
import { readTar, type TarEntry } from '../../lib/tar-reader.ts';
import { errnoOf } from '../../platform/files.ts';

function unsafe(path: string, why: string): AppError {
  const hint = 'send the work tree again; this archive is damaged or not what it should be';
  return new AppError('CONFIG', `the archive has the entry ${JSON.stringify(path)}, which ${why}`, { hint });
}

/** The parts of an entry's path. Throws `AppError` for one that would leave the folder. */
export function safeParts(path: string): string[] {
  if (path.startsWith('/')) throw unsafe(path, 'has an absolute path');
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw unsafe(path, 'leads out of its folder');
  if (path.includes('\0')) throw unsafe(path, 'has a zero byte in its name');
  return parts;
}

async function kindOf(path: string): Promise<'folder' | 'other' | 'none'> {
  try {
    return (await lstat(path)).isDirectory() ? 'folder' : 'other';
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 'none';
    throw error;
  }
}

/** Makes the folders of an entry, and refuses to go through anything that is no real folder, such as a link. */
async function makeFolders(root: string, parts: readonly string[], made: Set<string>, path: string): Promise<void> {
  let folder = root;
  for (const part of parts) {
    folder = join(folder, part);
    if (made.has(folder)) continue;
    const kind = await kindOf(folder);
    if (kind === 'other') throw unsafe(path, 'would be written through a link or a file');
    if (kind === 'none') await mkdir(folder);
    made.add(folder);
  }
}

async function writeContent(path: string, entry: TarEntry): Promise<void> {
  const mode = entry.executable ? 0o755 : 0o644;
  const handle = await open(path, 'wx', mode);
  try {
    for await (const piece of entry.content) await handle.writeFile(piece);
  } finally {
    await handle.close();
  }
  await chmod(path, mode); // whatever the umask
}

/**
 * Unpacks a tar stream into `root`, replacing files of the same names. Links are made as they are, never followed.
 * Gives the number of entries. Throws `AppError` for a damaged or unsafe archive; rejects on abort.
 */
export async function extractTar(
  chunks: AsyncIterable<Uint8Array>,
  root: string,
  signal: AbortSignal,
): Promise<number> {
  const made = new Set<string>();
  let entries = 0;
  for await (const entry of readTar(chunks)) {
    signal.throwIfAborted();
    const parts = safeParts(entry.path);
    const path = join(root, ...parts);
    entries += 1;
    await makeFolders(root, entry.type === 'folder' ? parts : parts.slice(0, -1), made, entry.path);
    if (entry.type === 'folder') continue;
    if (parts.length === 0 || (await kindOf(path)) === 'folder') throw unsafe(entry.path, 'is a folder already');
    await rm(path, { force: true });
    if (entry.type === 'symlink') await symlink(entry.linkTarget, join(dirname(path), parts.at(-1) ?? ''));
    else await writeContent(path, entry);
  }
  return entries;
}
