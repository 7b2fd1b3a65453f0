import { randomBytes } from 'node:crypto';
import { chmod, readFile } from 'node:fs/promises';
import { AppError } from '../../lib/errors.ts';
import { errnoOf, writeFileAtomically } from '../../platform/files.ts';

const KEY_BYTES = 32;

/**
 * The key that secrets are sealed with: 64 hexadecimal digits in a file of mode 0600, made when it is missing. Hubs that
 * share a database share it. Throws `AppError` (CONFIG) for a file that holds something else.
 */
export async function loadSecretsKey(path: string): Promise<Uint8Array> {
  try {
    const text = (await readFile(path, 'utf8')).trim();
    if (/^[0-9a-f]{64}$/i.test(text)) {
      await chmod(path, 0o600);
      return new Uint8Array(Buffer.from(text, 'hex'));
    }
    const hint = 'bring back the file from a backup; without it the stored secrets are lost';
    throw new AppError('CONFIG', `${path} does not hold a key of 64 hexadecimal digits`, { hint });
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  const key = randomBytes(KEY_BYTES);
  await writeFileAtomically(path, `${key.toString('hex')}\n`, 0o600);
  return new Uint8Array(key);
}
