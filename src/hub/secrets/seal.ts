import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { AppError } from '../../lib/errors.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = 'aes-256-gcm';

/** Seals a value with AES-256-GCM: nonce, tag, ciphertext. `bound` is what it belongs to; it opens with the same alone. */
export function seal(value: string, bound: string, key: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce);
  cipher.setAAD(Buffer.from(bound));
  const text = Buffer.concat([cipher.update(value, 'utf8'), cipher.final()]);
  return new Uint8Array(Buffer.concat([nonce, cipher.getAuthTag(), text]));
}

/** The value again. Throws `AppError` (CONFIG) when the key or the data is not what it was. */
export function open(sealed: Uint8Array, bound: string, key: Uint8Array): string {
  try {
    const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES));
    decipher.setAAD(Buffer.from(bound));
    decipher.setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    const text = decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES));
    return Buffer.concat([text, decipher.final()]).toString('utf8');
  } catch (error) {
    const hint = 'bring back the file secrets-key that the hub had when it was mapped, or map the secret again';
    throw new AppError('CONFIG', 'a stored secret cannot be opened', { hint, cause: error });
  }
}
