import os from 'node:os';

/** The level that the `zstd` program uses by itself. */
const LEVEL = 3;

/**
 * Pieces that are worth having under way at once: one for each core, and some that wait, so that no core does. Zstd's
 * own threads (ZSTD_c_nbWorkers) are not to be had: with Bun 1.4.5 a stream that asks for them gives no bytes at all,
 * and no error. Whole pieces on the runtime's threads do the same work.
 */
export function parallelPieces(): number {
  return os.availableParallelism() + 4;
}

/** One zstd frame with the size of its content in its header, made on another thread. */
export function compressPiece(piece: Uint8Array): Promise<Uint8Array> {
  return Bun.zstdCompress(piece as Uint8Array<ArrayBuffer>, { level: LEVEL });
}

/** The content of one zstd frame, on another thread. Rejects for a damaged frame. Its size must have been checked. */
export function decompressPiece(frame: Uint8Array): Promise<Uint8Array> {
  return Bun.zstdDecompress(frame as Uint8Array<ArrayBuffer>);
}
