import type { TarHeader } from '../../src/lib/tar-format.ts';
import { tarPadding } from '../../src/lib/tar-format.ts';
import { tarEnd, tarHeaderBytes } from '../../src/lib/tar-writer.ts';

type Part = Partial<TarHeader> & { readonly path: string; readonly text?: string };

/** A whole archive in memory; `text` is a file's content. */
export function tarOf(...parts: readonly Part[]): Uint8Array {
  const blocks = parts.flatMap(({ text = '', ...part }) => {
    const body = new TextEncoder().encode(text);
    const header = { type: 'file', executable: false, linkTarget: '', modifiedS: 0, sizeBytes: body.length, ...part };
    return [tarHeaderBytes(header as TarHeader), body, new Uint8Array(tarPadding(body.length))];
  });
  return new Uint8Array(Buffer.concat([...blocks, tarEnd()]));
}

/** The bytes cut into pieces of `size`, as a network would. */
export async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
