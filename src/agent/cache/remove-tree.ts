import { chmod, lstat, readdir, rm } from 'node:fs/promises';
import { nameOfBytes, systemPath } from '../../lib/raw-name.ts';
import { errnoOf } from '../../platform/files.ts';

async function openFolders(path: string): Promise<void> {
  if (!(await lstat(systemPath(path))).isDirectory()) return;
  await chmod(systemPath(path), 0o700);
  for (const name of await readdir(systemPath(path), { encoding: 'buffer' })) {
    await openFolders(`${path}/${nameOfBytes(name)}`);
  }
}

/**
 * Removes a file or a folder with all that is in it, read-only folders too, such as those that Go keeps its modules in.
 * What is not there is no error. Rejects with the system's error.
 */
export async function removeTree(path: string): Promise<void> {
  const remove = () => rm(systemPath(path), { recursive: true, force: true });
  try {
    await remove();
  } catch (error) {
    if (!['EACCES', 'EPERM', 'ENOTEMPTY'].includes(errnoOf(error) ?? '')) throw error;
    await openFolders(path).catch(() => {}); // the second attempt tells what is still in the way
    await remove();
  }
}
