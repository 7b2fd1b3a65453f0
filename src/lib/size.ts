import { AppError } from './errors.ts';

const UNIT_BYTES: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** Reads a size of our own files, `5GiB`, `640 KB`, `1.5 MB`, in bytes. A bare number is an error, except `0`. */
export function parseSize(text: string): number {
  if (text === '0') return 0;
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(text);
  const unit = UNIT_BYTES[match?.[2]?.toLowerCase() ?? ''];
  const bytes = unit === undefined ? Number.NaN : Math.round(Number(match?.[1]) * unit);
  if (!Number.isSafeInteger(bytes)) {
    throw new AppError('CONFIG', `"${text}" is not a size`, { hint: 'write it like 5GiB, 640 KB or 100MiB' });
  }
  return bytes;
}

/** As the worker's file writes sizes: a bare number is bytes, `K` and `Ki` do without the `B`. Undefined for anything else. */
export function parseByteCount(text: string): number | undefined {
  const [, count = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  const name = unit.toLowerCase();
  const unitBytes = UNIT_BYTES[name === '' ? 'b' : name] ?? UNIT_BYTES[`${name}b`];
  const bytes = count === '' || unitBytes === undefined ? Number.NaN : Math.round(Number(count) * unitBytes);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Bytes for people, powers of two: `512 B`, `1.5 KiB`, `27 MiB`. */
export function formatSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let index = 0;
  // Rounded values are compared, so that 1,048,575 bytes read `1.0 MiB` and not `1024 KiB`.
  while (Math.round(value) >= 1024 && index < units.length - 1) {
    value /= 1024;
    index += 1;
  }
  return `${value >= 9.95 || index === 0 ? Math.round(value) : value.toFixed(1)} ${units[index]}`;
}
