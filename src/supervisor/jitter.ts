import { createHash } from 'node:crypto';

/** Uniform in [-jitterMs, +jitterMs), always the same for one id: no restart rolls it again. */
export function jitterOf(id: string, jitterMs: number): number {
  const digest = createHash('sha256').update(`idle-check jitter of ${id}`).digest();
  return Math.round((digest.readUIntBE(0, 6) / 2 ** 48) * 2 * jitterMs - jitterMs);
}
