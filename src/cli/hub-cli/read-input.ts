import { AppError } from '../../lib/errors.ts';
import { readText } from '../validate/read-text.ts';

const MAX_BYTES = 64 * 1024;

/** A value from a file, or from standard input for `-`, as it is. Throws `AppError` (CONFIG) for more than 64 KiB. */
export async function readInput(path: string): Promise<string> {
  const text = await readText(path, 'check the path');
  if (Buffer.byteLength(text) <= MAX_BYTES) return text;
  const place = { file: path === '-' ? 'standard input' : path };
  throw new AppError('CONFIG', 'the value is larger than 64 KiB', { place });
}
