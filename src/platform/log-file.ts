import { AppError } from '../lib/errors.ts';
import { errnoOf } from './files.ts';
import { RotatingFile } from './rotating-file.ts';

/** Opens a log file without rotation (0600; its folder is made) and returns how to write a line. Throws `AppError` (CONFIG). */
export function openLogFile(path: string): (line: string) => void {
  try {
    const file = new RotatingFile(path, { maxBytes: Number.POSITIVE_INFINITY, keep: 0 });
    return (line) => file.write(line);
  } catch (error) {
    throw new AppError('CONFIG', `log file ${path} cannot be written (${errnoOf(error) ?? String(error)})`, {
      hint: 'choose a file in a folder that this user may write to',
      cause: error,
    });
  }
}
