import type { ProcessMark } from '../process-family.ts';

/** A file that outlives tasks and acts by itself, or that every later task reads. */
export type WatchedKind = 'launch agent' | 'cron entry' | 'login item' | 'keychain' | 'start-up file';

export interface WatchedFile {
  readonly kind: WatchedKind;
  readonly path: string;
  /** Changes whenever the content does: size and time of the last change of the inode. */
  readonly print: string;
}

export interface MountPoint {
  /** What is mounted: a device, or the name of a file system. */
  readonly source: string;
  readonly path: string;
  /** As the system shows them, such as `rw` or `mounted by ci`. */
  readonly options: readonly string[];
}

export interface DiskImage {
  readonly file: string;
  /** `/dev/disk4` */
  readonly device: string;
}

/** What is looked at before the first task and after each. */
export interface Snapshot {
  readonly wallMs: number;
  /** Processes of the worker's user that neither the worker nor a task is known to have started. */
  readonly processes: readonly ProcessMark[];
  readonly watched: readonly WatchedFile[];
  /** Of the worker's user alone. */
  readonly mounts: readonly MountPoint[];
  readonly images: readonly DiskImage[];
  readonly freeBytes: number | undefined;
}

/** What can be done about a finding. */
export type Remedy =
  | { readonly tag: 'end'; readonly marks: readonly ProcessMark[] }
  | { readonly tag: 'remove'; readonly paths: readonly string[] }
  | { readonly tag: 'forget-agent'; readonly path: string }
  | { readonly tag: 'unmount'; readonly path: string }
  | { readonly tag: 'detach'; readonly device: string }
  /** Nothing; `dirty` tells whether later tasks may suffer from it. */
  | { readonly tag: 'none'; readonly dirty: boolean };

export interface Finding {
  /** For people, printable. */
  readonly what: string;
  readonly remedy: Remedy;
}

export type Verdict = 'clean' | 'cleaned' | 'dirty';

export interface AuditResult {
  readonly verdict: Verdict;
  /** One sentence a finding; empty when clean. */
  readonly reasons: readonly string[];
}
