import { randomBytes } from 'node:crypto';

/** Uniform in [0, 1). Components take this as a parameter, so that tests can pass a fixed sequence. */
export type Random = () => number;

export const systemRandom: Random = () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48;

/** A secret of `bytes` random bytes as lower-case hexadecimal text. */
export function randomToken(bytes = 32): string {
  return randomBytes(bytes).toString('hex');
}
