/** The tar format as POSIX.1-2001 describes it (ustar with pax headers), as far as work trees need it. */

export const TAR_BLOCK_BYTES = 512;

export type TarEntryType = 'file' | 'symlink' | 'folder';

export interface TarHeader {
  /** Relative, with slashes, without a slash at the end. */
  readonly path: string;
  readonly type: TarEntryType;
  readonly executable: boolean;
  /** Bytes of content; 0 unless a file. */
  readonly sizeBytes: number;
  /** Where a symbolic link points to; empty otherwise. */
  readonly linkTarget: string;
  /** Seconds since the Unix epoch, whole. */
  readonly modifiedS: number;
}

/** Zero bytes needed after `sizeBytes` to reach the next block. */
export function tarPadding(sizeBytes: number): number {
  return (TAR_BLOCK_BYTES - (sizeBytes % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES;
}
