import type { ByteRange } from './blob-store.ts';

/**
 * The range that a `Range` header asks for (RFC 9110, section 14). Undefined: all of it, also for several ranges or what
 * is no range at all, which servers may ignore. `impossible`: it begins beyond the end.
 */
export function rangeOf(header: string | undefined, size: number): ByteRange | 'impossible' | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.replaceAll(' ', '') ?? '');
  if (match === null) return undefined;
  const [first, last] = [match[1] ?? '', match[2] ?? ''];
  if (first === '') {
    if (last === '') return undefined;
    return Number(last) === 0 ? 'impossible' : { from: Math.max(0, size - Number(last)), to: size };
  }
  if (Number(first) >= size) return 'impossible';
  if (last !== '' && Number(last) < Number(first)) return undefined;
  return { from: Number(first), to: last === '' ? size : Math.min(size, Number(last) + 1) };
}
