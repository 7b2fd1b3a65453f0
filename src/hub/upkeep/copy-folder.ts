import { constants } from 'node:fs';
import { copyFile, lstat, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../../platform/files.ts';

export interface Copied {
  readonly files: number;
  readonly bytes: number;
}

/**
 * Copies a folder with all that is in it; what the file system can share between both copies, it does. Files that
 * disappear meanwhile were temporary; links and devices are left out, since a hub makes none.
 */
export async function copyFolder(from: string, to: string, leaveOut: (name: string) => boolean): Promise<Copied> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  let [files, bytes] = [0, 0];
  for (const name of await readdir(from)) {
    if (leaveOut(name)) continue;
    const [source, target] = [join(from, name), join(to, name)];
    try {
      const found = await lstat(source);
      if (found.isDirectory()) {
        const inner = await copyFolder(source, target, () => false);
        [files, bytes] = [files + inner.files, bytes + inner.bytes];
      } else if (found.isFile()) {
        await copyFile(source, target, constants.COPYFILE_FICLONE);
        [files, bytes] = [files + 1, bytes + found.size];
      }
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }
  return { files, bytes };
}
