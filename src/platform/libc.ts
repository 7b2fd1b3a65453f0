import { dlopen, type FFIFunction, type Library, ptr, read } from 'bun:ffi';

/** The system's C library with these functions bound. Throws where it lacks one of them. */
export function openLibc<Fns extends Record<string, FFIFunction>>(functions: Fns): Library<Fns>['symbols'] {
  return dlopen(process.platform === 'darwin' ? 'libSystem.B.dylib' : 'libc.so.6', functions).symbols;
}

/** A C string; keep the buffer until the call is over. */
export function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

/** An array of C strings that ends in NULL. The strings live as long as the result. */
export function cStrings(texts: readonly string[]): { readonly pointers: BigUint64Array; readonly texts: Buffer[] } {
  const buffers = texts.map(cString);
  const pointers = new BigUint64Array(texts.length + 1);
  for (const [index, buffer] of buffers.entries()) pointers[index] = BigInt(ptr(buffer));
  return { pointers, texts: buffers };
}

/** What errno holds; right after a failed call only. */
export function lastErrno(): number {
  const name = process.platform === 'darwin' ? '__error' : '__errno_location';
  const location = openLibc({ [name]: { args: [], returns: 'ptr' } })[name]?.();
  return typeof location === 'number' ? read.i32(location as Parameters<typeof read.i32>[0]) : 0;
}
