import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { AppError } from '../lib/errors.ts';
import { errnoOf } from './files.ts';

/** Largest configuration or token file that is read. */
const MAX_BYTES = 1024 * 1024;

const STANDARD_INPUT = 0;

/**
 * Reads a small text file. `what` names it in the error ("the token file"). Throws `AppError` (CONFIG) when it is
 * missing, unreadable, a folder, or larger than 1 MiB.
 */
export function readSmallFile(path: string, what: string): string {
  const fail = (reason: string, hint: string, cause: unknown) =>
    new AppError('CONFIG', `${what} ${path} ${reason}`, { hint, cause });
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw fail('does not exist', 'check the path', error);
    throw fail(`cannot be opened (${errnoOf(error)})`, 'check its owner and mode', error);
  }
  try {
    return readAll(fd, `${what} ${path}`);
  } finally {
    closeSync(fd);
  }
}

/** The text of an open descriptor to its end. */
function readAll(fd: number, what: string): string {
  try {
    const buffer = Buffer.alloc(MAX_BYTES + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = readSync(fd, buffer, length, buffer.length - length, null);
    }
    if (length > MAX_BYTES) throw new AppError('CONFIG', `${what} is larger than 1 MiB`);
    return buffer.toString('utf8', 0, length);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError('CONFIG', `${what} cannot be read (${errnoOf(error)})`, { cause: error });
  }
}

function secretOf(text: string, what: string): string {
  const secret = text.trim();
  if (secret !== '' && !/\s/.test(secret)) return secret;
  throw new AppError('CONFIG', `${what} does not hold a token`, {
    hint: 'it must hold the token alone, on one line',
  });
}

/** Reads a secret from a file: its text without surrounding white space, one line, not empty. */
export function readSecretFile(path: string, what: string): string {
  return secretOf(readSmallFile(path, what), `${what} ${path}`);
}

/** Reads a secret from standard input, to its end. */
export function readSecretInput(what: string): string {
  return secretOf(readAll(STANDARD_INPUT, what), `standard input, for ${what},`);
}

/** Whether accounts other than the owner may open the file; false for a pipe or device, such as a shell's `<(…)`. */
export function othersMayRead(path: string): boolean {
  const entry = statSync(path, { throwIfNoEntry: false });
  return entry?.isFile() === true && (entry.mode & 0o044) !== 0;
}
