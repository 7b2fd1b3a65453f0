import { mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { AppError } from '../lib/errors.ts';
import { errnoOf } from './files.ts';

/** Opens a file for appending (0600; its folder is made) and returns how to write a line to it. Throws `AppError` (CONFIG). */
export function openLogFile(path: string): (line: string) => void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const fd = openSync(path, 'a', 0o600);
    return (line) => void writeSync(fd, line);
  } catch (error) {
    throw new AppError('CONFIG', `log file ${path} cannot be written (${errnoOf(error) ?? String(error)})`, {
      hint: 'choose a file in a folder that this user may write to',
      cause: error,
    });
  }
}
