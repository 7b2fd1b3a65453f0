/**
 * Archives of caches are tar streams of our own making and reading, because what matters here is what the libraries for
 * it leave out: names that are not UTF-8, holes, hard links, times below a second, and nothing ever written outside of
 * its folder, all at the speed of the file system.
 */

/** A run of data in a file that has holes. */
export interface DataRun {
  readonly at: number;
  readonly bytes: number;
}

export type EntryKind = 'file' | 'folder' | 'symlink' | 'hardlink';

export interface ArchiveEntry {
  /** As in the archive, with slashes (see raw-name.ts for bytes that are not UTF-8). */
  readonly path: string;
  readonly kind: EntryKind;
  /** Permission bits, with those for set-user-id and the like. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since the Unix epoch, with a fraction. */
  readonly modifiedS: number;
  /** Bytes of the file on disk, holes included; 0 unless a file. */
  readonly sizeBytes: number;
  /** Where a symbolic link points to, or the path of the entry that a hard link shares its content with. */
  readonly linkTarget: string;
  /** Where the content lies in a file with holes; undefined for a file without. */
  readonly runs?: readonly DataRun[];
}

/** Bytes of content that follow the header of an entry. */
export function storedBytes({ sizeBytes, runs }: ArchiveEntry): number {
  return runs === undefined ? sizeBytes : runs.reduce((sum, run) => sum + run.bytes, 0);
}
