import { createHash, type Hash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { systemPath } from '../../../lib/raw-name.ts';
import { errnoOf } from '../../../platform/files.ts';
import type { ArchiveEntry } from './entry.ts';
import { damaged } from './envelope.ts';
import type { ExpansionLimit } from './expansion-limit.ts';
import type { Left } from './left.ts';
import { giveOwner, OpenFile } from './open-file.ts';
import type { EntrySink } from './tar-parser.ts';

/** Where an entry goes: below `base`, a path that did not exist before, `rest` is empty for the base itself. */
export interface Place {
  readonly base: string;
  readonly rest: string;
}

export interface ExtractOptions {
  /** The place of an entry's cleaned path; undefined leaves it out. Throws `AppError` for a path that is not allowed. */
  readonly placeOf: (path: string) => Place | undefined;
  readonly limit: ExpansionLimit;
  readonly left: Left;
  /** Whether files get the owners that the archive names; only root can. */
  readonly owners: boolean;
  /** Whether links to absolute paths are made. */
  readonly absoluteLinks: boolean;
  /** Takes the hash of each file's content, by its path on disk, when that is wanted. */
  readonly hashes: Map<string, string> | undefined;
}

/** A path of the archive without what means nothing. Throws `AppError` for one that leads out. */
export function cleanPath(path: string): string {
  if (!/(?:^|\/)(?:\.{0,2})(?:\/|$)|\0/.test(path)) return path;
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw damaged(`has the entry ${JSON.stringify(path)}, which leads out of its folder`);
  if (path.includes('\0')) throw damaged(`has the entry ${JSON.stringify(path)}, with a zero byte in its name`);
  return parts.join('/');
}

/**
 * Writes the entries of an archive below new folders. Only folders that it has made itself are walked through, so that
 * no link of the archive is ever followed. Throws `AppError` for an archive that tries, and the system's errors.
 */
export class Extractor implements EntrySink {
  /** Folders that were made here, with what they get at the end, once nothing more is written into them. */
  readonly #folders = new Map<string, ArchiveEntry | undefined>();
  #file: OpenFile | undefined;
  #hash: Hash | undefined;
  #path = '';

  constructor(private readonly options: ExtractOptions) {}

  entry(entry: ArchiveEntry): void {
    this.options.limit.countEntry();
    const place = this.options.placeOf(cleanPath(entry.path));
    this.#file = undefined;
    if (place === undefined) {
      this.options.left.note('elsewhere', entry.path);
      return;
    }
    const path = this.#reach(place, entry);
    if (entry.kind === 'folder') this.#folder(path, entry);
    else if (entry.kind === 'file') this.#open(path, entry);
    else if (place.rest === '') throw damaged('has a link in place of a whole folder');
    else if (entry.kind === 'symlink') this.#symlink(path, entry);
    else this.#hardlink(path, entry);
  }

  data(piece: Uint8Array): void {
    if (this.#file === undefined) return;
    this.options.limit.countBytes(piece.length);
    this.#file.write(piece);
    this.#hash?.update(piece);
  }

  end(): void {
    const hash = this.#hash?.digest('base64');
    if (hash !== undefined) this.options.hashes?.set(this.#path, hash);
    this.#file?.finish(this.options.owners);
    this.#file = undefined;
    this.#hash = undefined;
  }

  special(path: string): void {
    this.options.limit.countEntry();
    this.options.left.note('device', path);
  }

  /** Gives all folders their modes and times, innermost first. */
  finish(): void {
    for (const [path, entry] of [...this.#folders].reverse()) {
      const place = systemPath(path);
      if (this.options.owners && entry !== undefined) giveOwner(() => chownSync(place, entry.uid, entry.gid));
      chmodSync(place, entry?.mode ?? 0o755);
      if (entry !== undefined) utimesSync(place, entry.modifiedS, entry.modifiedS);
    }
  }

  /** Closes what an error has left open. */
  close(): void {
    this.#file?.close();
  }

  /** The path on disk of a place, the folder around it made. */
  #reach({ base, rest }: Place, entry: ArchiveEntry): string {
    if (rest === '') return base;
    const cut = rest.lastIndexOf('/');
    const parent = cut < 0 ? base : `${base}/${rest.slice(0, cut)}`;
    if (!this.#folders.has(parent)) this.#makeFolders(base, rest.slice(0, Math.max(0, cut)), entry);
    return `${base}/${rest}`;
  }

  #makeFolders(base: string, rest: string, entry: ArchiveEntry): void {
    let folder = base;
    if (!this.#folders.has(folder)) this.#mkdir(folder, entry);
    for (const part of rest === '' ? [] : rest.split('/')) {
      folder = `${folder}/${part}`;
      if (!this.#folders.has(folder)) this.#mkdir(folder, entry);
    }
  }

  #mkdir(path: string, entry: ArchiveEntry): void {
    try {
      mkdirSync(systemPath(path), 0o700);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      throw damaged(`has the entry ${JSON.stringify(entry.path)}, which would be written through a link or a file`);
    }
    this.#folders.set(path, undefined);
  }

  #folder(path: string, entry: ArchiveEntry): void {
    if (!this.#folders.has(path)) this.#mkdir(path, entry);
    this.#folders.set(path, entry);
  }

  /** Makes an entry that may stand for an earlier one of the same name, as tar allows. */
  #replacing(path: string, entry: ArchiveEntry, make: () => void): void {
    try {
      make();
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      if (this.#folders.has(path)) throw damaged(`has the entry ${JSON.stringify(entry.path)}, a folder before`);
      rmSync(systemPath(path));
      make();
    }
  }

  #open(path: string, entry: ArchiveEntry): void {
    this.#replacing(path, entry, () => {
      this.#file = new OpenFile(path, entry);
    });
    this.#path = path;
    const wanted = this.options.hashes !== undefined && entry.runs === undefined;
    this.#hash = wanted ? createHash('sha256') : undefined;
  }

  #symlink(path: string, entry: ArchiveEntry): void {
    if (!this.options.absoluteLinks && entry.linkTarget.startsWith('/')) {
      this.options.left.note('absolute link', entry.path);
      return;
    }
    const place = systemPath(path);
    this.#replacing(path, entry, () => symlinkSync(systemPath(entry.linkTarget), place));
    if (this.options.owners) giveOwner(() => lchownSync(place, entry.uid, entry.gid));
    lutimesSync(place, entry.modifiedS, entry.modifiedS);
  }

  /** The content of a hard link must be a file that this archive has brought. */
  #hardlink(path: string, entry: ArchiveEntry): void {
    const source = this.options.placeOf(cleanPath(entry.linkTarget));
    const from = source === undefined ? undefined : this.#reach(source, entry);
    const isFile = from !== undefined && lstatSync(systemPath(from), { throwIfNoEntry: false })?.isFile() === true;
    if (from === undefined || !isFile) {
      throw damaged(`has the hard link ${JSON.stringify(entry.path)} to something that is no file before it`);
    }
    this.#replacing(path, entry, () => linkSync(systemPath(from), systemPath(path)));
  }
}
