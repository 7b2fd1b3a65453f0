import { AppError } from './errors.ts';

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Longest duration that is accepted: ten years, far below what a number of milliseconds can hold exactly. */
const MAX_MS = 3650 * 86_400_000;

/**
 * Reads a duration of our own files: `500ms`, `90s`, `10m`, `24h`, `2d`, sums such as `1h30m`.
 * A bare number is an error, except `0`. Returns milliseconds, whole.
 */
export function parseDuration(text: string): number {
  if (text === '0') return 0;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text) {
    const hint = /^\d+$/.test(text)
      ? `add a unit, for example "${text}s" or "${text}m"`
      : 'write it like 500ms, 90s, 10m, 1h30m or 2d';
    throw new AppError('CONFIG', `"${text}" is not a duration`, { hint });
  }
  const totalMs = Math.round(
    parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNIT_MS[unit ?? ''] ?? 0), 0),
  );
  if (totalMs > MAX_MS) throw new AppError('CONFIG', `"${text}" is longer than ten years`);
  return totalMs;
}

/** Milliseconds for people, two units at most: `0s`, `850ms`, `42s`, `1m 30s`, `23h 59m`, `2d`. */
export function formatDuration(durationMs: number): string {
  const absMs = Math.round(Math.abs(durationMs));
  const sign = durationMs < 0 && absMs > 0 ? '-' : '';
  if (absMs > 0 && absMs < 1_000) return `${sign}${absMs}ms`;
  let rest = Math.round(absMs / 1_000);
  const parts: string[] = [];
  for (const [unit, seconds] of [
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
    ['s', 1],
  ] as const) {
    const count = Math.floor(rest / seconds);
    rest -= count * seconds;
    if (count > 0) parts.push(`${count}${unit}`);
    if (parts.length === 2 || (parts.length === 1 && count === 0)) break;
  }
  return sign + (parts.join(' ') || '0s');
}
