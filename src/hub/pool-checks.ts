import { AppError } from '../lib/errors.ts';
import type { PoolSettings } from './pool-model.ts';

const MAX_NAME = 100;
const MAX_NOTE = 200;
const TEN_YEARS_S = 3650 * 86_400;

/** Throws `AppError` (USAGE) for a name that would be trouble in commands and addresses. */
export function checkName(name: string, what: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) && name.length <= MAX_NAME) return;
  const hint = 'letters, digits, dots, dashes and underscores will do';
  throw new AppError('USAGE', `${what} cannot be "${name.slice(0, MAX_NAME)}"`, { hint });
}

const BOUNDS: Readonly<Record<Exclude<keyof PoolSettings, 'ephemeral'>, readonly [number, number]>> = {
  queueLimitSeconds: [0, TEN_YEARS_S],
  maxHoldSeconds: [0, 20],
  maxTaskTimeoutSeconds: [1, TEN_YEARS_S],
  maxWorkers: [0, 1_000_000],
  maxTasks: [0, 1_000_000],
};

/** Throws `AppError` (USAGE) for a setting out of its bounds. */
export function checkSettings(settings: Partial<PoolSettings>): void {
  for (const [name, [least, most]] of Object.entries(BOUNDS)) {
    const value = settings[name as keyof typeof BOUNDS];
    const optional = name === 'maxWorkers' || name === 'maxTasks';
    if (value === undefined || (value === null && optional)) continue;
    if (Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most) continue;
    const hint = `a whole number from ${least} to ${most}`;
    throw new AppError('USAGE', `${name} cannot be ${String(value)}`, { hint });
  }
}

/** Throws `AppError` (USAGE) for a note or a duration that cannot be. */
export function checkTokenWish({
  note = '',
  expiresInMs = 0,
}: {
  note?: string | undefined;
  expiresInMs?: number | undefined;
}): void {
  if (note.length > MAX_NOTE || /\p{Cc}/u.test(note)) {
    throw new AppError('USAGE', 'the note is too long or has control characters', {
      hint: `${MAX_NOTE} characters will do`,
    });
  }
  if (!(expiresInMs >= 0 && expiresInMs <= TEN_YEARS_S * 1000)) {
    throw new AppError('USAGE', 'a token cannot live so long', { hint: 'ten years at most, or without an end' });
  }
}

/** Throws `AppError` (USAGE) for what is no token: it travels in a header, and must not be guessed. */
export function checkImported(token: string): void {
  if (/^[\x21-\x7e]{16,1024}$/.test(token)) return;
  const hint = 'give the token alone, 16 to 1024 visible ASCII characters, in one line';
  throw new AppError('USAGE', 'that is not a registration token', { hint });
}
