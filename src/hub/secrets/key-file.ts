import { randomBytes } from 'node:crypto';
import { chmod, link, readFile, rm } from 'node:fs/promises';
import { AppError } from '../../lib/errors.ts';
import { errnoOf, writeFileAtomically } from '../../platform/files.ts';

const KEY_BYTES = 32;

async function readKey(path: string): Promise<Uint8Array | undefined> {
  let text: string;
  try {
    text = (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  if (!/^[0-9a-f]{64}$/i.test(text)) {
    const hint = 'bring back the file from a backup; without it the stored secrets are lost';
    throw new AppError('CONFIG', `${path} does not hold a key of 64 hexadecimal digits`, { hint });
  }
  await chmod(path, 0o600);
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/** Puts a new key in place unless another hub that shares the folder has just done so: the first one counts. */
async function makeKey(path: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  await writeFileAtomically(temporary, `${randomBytes(KEY_BYTES).toString('hex')}\n`, 0o600);
  try {
    await link(temporary, path);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

/**
 * The key that secrets are sealed with: 64 hexadecimal digits in a file of mode 0600, made when it is missing. Hubs that
 * share a database share it. Throws `AppError` (CONFIG) for a file that holds something else.
 */
export async function loadSecretsKey(path: string): Promise<Uint8Array> {
  const found = await readKey(path);
  if (found !== undefined) return found;
  await makeKey(path);
  const made = await readKey(path);
  if (made === undefined) throw new AppError('CONFIG', `${path} went away while it was read`);
  return made;
}
