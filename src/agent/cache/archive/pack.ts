import { compressPiece, parallelPieces } from '../../../platform/zstd.ts';
import { type ArchivedRoot, encodeOpening, SealHash } from './envelope.ts';
import type { Left } from './left.ts';
import { tarBlocks } from './tar-blocks.ts';

export interface PackRoot extends ArchivedRoot {
  /** Absolute path of the folder or file. */
  readonly path: string;
}

async function* compressed(pieces: Iterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const underWay: Promise<Uint8Array>[] = [];
  try {
    for (const piece of pieces) {
      signal.throwIfAborted();
      underWay.push(compressPiece(piece));
      const first = underWay.length >= parallelPieces() ? underWay.shift() : undefined;
      if (first !== undefined) yield await first;
    }
    for (let next = underWay.shift(); next !== undefined; next = underWay.shift()) yield await next;
  } finally {
    await Promise.allSettled(underWay);
  }
}

/**
 * The archive of these folders while it is made: files are read as fast as the reader takes the chunks, and all cores
 * compress; nothing is kept on disk. Errors of the system are thrown; rejects on abort.
 */
export async function* packArchive(
  roots: readonly PackRoot[],
  left: Left,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const hash = new SealHash();
  const opening = encodeOpening(roots.map(({ folder, match }) => ({ folder, match })));
  hash.update(opening);
  yield opening;
  const trees = roots.map(({ path }, index) => ({ name: String(index), path }));
  for await (const frame of compressed(tarBlocks(trees, left), signal)) {
    hash.update(frame);
    yield frame;
  }
  yield hash.seal();
}
