import { readFile } from 'node:fs/promises';
import { AppError } from '../../lib/errors.ts';
import { errnoOf } from '../../platform/files.ts';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'this is a folder, not a file',
  EACCES: 'this file may not be read',
};

/** The text of a file, or of standard input for `-`. Throws `AppError` (CONFIG) when it cannot be read. */
export async function readText(path: string, hint: string): Promise<string> {
  try {
    const bytes = path === '-' ? await Bun.stdin.bytes() : await readFile(path);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    const errno = errnoOf(error);
    const place = { file: path === '-' ? 'standard input' : path };
    if (error instanceof TypeError) throw new AppError('CONFIG', 'this is not UTF-8 text', { place, cause: error });
    const reason = REASONS[errno ?? ''] ?? `this cannot be read (${errno ?? 'unknown reason'})`;
    throw new AppError('CONFIG', reason, { place, cause: error, hint: errno === 'ENOENT' ? hint : undefined });
  }
}
