import { existsSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { systemPath } from '../../lib/raw-name.ts';
import type { FileLocks } from '../../platform/file-lock.ts';
import { type ArchivedRoot, damaged } from './archive/envelope.ts';
import { ExpansionLimit } from './archive/expansion-limit.ts';
import { Extractor, type Place } from './archive/extract.ts';
import type { Left } from './archive/left.ts';
import { unpackArchive } from './archive/unpack.ts';
import { type CacheFolder, folderAround, oldBase, targetOf } from './folders.ts';
import { Staging } from './staging.ts';

export interface ExtractionPlan {
  readonly folders: readonly CacheFolder[];
  readonly workingFolder: string;
  /** Folders that no cache may take away. */
  readonly precious: readonly string[];
  /** Whether hashes of files are wanted. */
  readonly hashes: boolean;
  readonly left: Left;
  readonly locks: FileLocks;
}

export interface Extracted {
  /** What was replaced. */
  readonly targets: readonly string[];
  /** Of files with content, by their path. */
  readonly hashes: ReadonlyMap<string, string>;
  /** Problem of the clean-up, which changes nothing about the result. */
  readonly litter: string | undefined;
}

type Locate = (path: string) => Place | undefined;

/** Entries of our own archives begin with the number of their folder. */
function locateOwn(roots: readonly ArchivedRoot[], plan: ExtractionPlan, place: (target: string) => string): Locate {
  const targets = roots.map((root) => targetOf(root, roots, plan.folders));
  return (path) => {
    const [, number = '', rest = ''] = /^(\d+)(?:\/([\s\S]*))?$/.exec(path) ?? [];
    const index = Number(number);
    if (number === '' || index >= roots.length) throw damaged(`has the entry ${JSON.stringify(path)} of no folder`);
    const target = targets[index];
    return target === undefined ? undefined : { base: place(target), rest };
  };
}

/** Entries of old archives are relative to one folder, with a slash in front; those of other folders are left out. */
function locateOld(plan: ExtractionPlan, place: (target: string) => string): Locate {
  const base = oldBase(plan.folders, plan.workingFolder);
  return (path) => {
    const whole = path === '' ? base : `${base === '/' ? '' : base}/${path}`;
    const target = folderAround(whole, plan.folders);
    return target === undefined ? undefined : { base: place(target), rest: relative(target, whole) };
  };
}

/**
 * Unpacks an archive next to the folders that it belongs to, and puts it in their place once all of it has proved to be
 * right; until then, and when anything fails, they stay as they are. `packedBytes` tells how much of the archive was
 * read. Throws `AppError` for a damaged archive, what the stream throws, the system's errors; rejects on abort.
 */
export async function extractArchive(
  chunks: AsyncIterable<Uint8Array>,
  packedBytes: () => number,
  plan: ExtractionPlan,
  signal: AbortSignal,
): Promise<Extracted> {
  const staging = new Staging(plan.precious, plan.locks);
  const staged = new Map<string, string>();
  const hashes = plan.hashes ? new Map<string, string>() : undefined;
  const place = (target: string) => {
    const known = staged.get(target) ?? staging.place(target);
    staged.set(target, known);
    return known;
  };
  let extractor: Extractor | undefined;
  let litter: string | undefined;
  try {
    const open = (roots: readonly ArchivedRoot[] | undefined) => {
      const placeOf = roots === undefined ? locateOld(plan, place) : locateOwn(roots, plan, place);
      const limit = new ExpansionLimit(existing(plan), packedBytes);
      const options = { placeOf, limit, left: plan.left, hashes, owners: process.geteuid?.() === 0 };
      extractor = new Extractor({ ...options, absoluteLinks: roots !== undefined });
      return extractor;
    };
    await unpackArchive(chunks, open, signal);
    extractor?.finish();
    staging.commit();
  } finally {
    extractor?.close();
    litter = await staging.clean().then(
      () => undefined,
      (error: unknown) => String(error),
    );
  }
  return { targets: [...staged.keys()], hashes: moved(hashes, staged), litter };
}

/** A folder that is there, on the disk where the first target will be. */
function existing({ folders: [first], workingFolder }: ExtractionPlan): string {
  return first === undefined || first.isPattern ? workingFolder : nearest(dirname(first.path));
}

function nearest(path: string): string {
  for (let at = path; ; at = dirname(at)) {
    if (at === dirname(at) || existsSync(systemPath(at))) return at;
  }
}

/** Hashes by the paths that files have in the end. */
function moved(hashes: ReadonlyMap<string, string> | undefined, staged: ReadonlyMap<string, string>) {
  const result = new Map<string, string>();
  for (const [path, hash] of hashes ?? []) {
    for (const [target, fresh] of staged) {
      if (path === fresh || path.startsWith(`${fresh}/`)) result.set(`${target}${path.slice(fresh.length)}`, hash);
    }
  }
  return result;
}
