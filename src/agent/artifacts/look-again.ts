import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { AppError } from '../../lib/errors.ts';
import { errnoOf } from '../../platform/files.ts';
import { type FoundFile, shownPath } from './collect-files.ts';

/**
 * The file as it is now, just before it is sent: undefined when it has gone since it was found, shorter when it has
 * shrunk. What it has gained meanwhile does not count. Throws `AppError` (CONFIG) for one that cannot be read.
 */
export async function lookAgain(file: FoundFile): Promise<FoundFile | undefined> {
  try {
    await access(file.absolute, constants.R_OK);
    const { size } = await stat(file.absolute);
    return size < file.size ? { ...file, size } : file;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined;
    if (errno === undefined) throw error;
    const hint = 'let the script that makes it give the user of the task the right to read it';
    throw new AppError('CONFIG', `artifact ${shownPath(file.path)} cannot be read (${errno})`, { hint, cause: error });
  }
}
