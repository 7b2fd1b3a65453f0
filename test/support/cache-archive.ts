import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { encodeHeader } from '../../src/agent/cache/archive/encode-header.ts';
import type { ArchiveEntry } from '../../src/agent/cache/archive/entry.ts';
import { Left } from '../../src/agent/cache/archive/left.ts';
import { type PackRoot, packArchive } from '../../src/agent/cache/archive/pack.ts';
import { extractArchive } from '../../src/agent/cache/extract-archive.ts';
import type { CacheFolder } from '../../src/agent/cache/folders.ts';
import { nameOfBytes, systemPath } from '../../src/lib/raw-name.ts';
import { tarPadding } from '../../src/lib/tar-format.ts';
import { openFileLocks } from '../../src/platform/file-lock.ts';

const locks = openFileLocks();
const NEVER = new AbortController().signal;

/** The archive of one folder, declared as `folder`. */
export async function packed(path: string, left = new Left(), more: Partial<PackRoot> = {}): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const roots = [{ folder: 'folder', match: '', path, ...more }];
  for await (const chunk of packArchive(roots, left, NEVER)) chunks.push(new Uint8Array(chunk));
  return Buffer.concat(chunks);
}

export function folderAt(path: string, more: Partial<CacheFolder> = {}): CacheFolder {
  return { declared: 'folder', path, isPattern: false, ...more };
}

/** Bytes in pieces of one size, as a network may bring them. */
export async function* inPieces(bytes: Uint8Array, size = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

interface Unpacking {
  readonly left?: Left;
  readonly workingFolder?: string;
  readonly pieceBytes?: number;
  readonly folders?: readonly CacheFolder[];
}

/** Restores an archive to `path`. */
export function unpackTo(path: string, archive: Uint8Array, more: Unpacking = {}) {
  const { left = new Left(), workingFolder = '/nowhere', pieceBytes, folders = [folderAt(path)] } = more;
  const plan = { folders, workingFolder, precious: [workingFolder], hashes: true, left, locks };
  return extractArchive(inPieces(archive, pieceBytes), () => archive.length, plan, NEVER);
}

/** Everything below a folder that a restore must bring back: `kind mode time size content` by name. */
export function listing(path: string, prefix = ''): Record<string, string> {
  const stats = lstatSync(systemPath(path));
  const time = Math.round(stats.mtimeMs * 1_000);
  const mode = (stats.mode & 0o7777).toString(8);
  if (stats.isSymbolicLink()) {
    return { [prefix]: `link ${nameOfBytes(readlinkSync(systemPath(path), { encoding: 'buffer' }))} ${time}` };
  }
  if (stats.isFile()) {
    const hash = Bun.hash(readFileSync(systemPath(path))).toString(16);
    return { [prefix]: `file ${mode} ${time} ${stats.size} ${hash}` };
  }
  const children = readdirSync(systemPath(path), { encoding: 'buffer' }).map((name) => nameOfBytes(name));
  const inside = children.map((name) => listing(`${path}/${name}`, `${prefix}/${name}`));
  return Object.assign({ [prefix]: `folder ${mode} ${time}` }, ...inside);
}

export type RawEntry = Partial<ArchiveEntry> & { readonly path: string; readonly content?: string };

/** A tar stream of these entries, whatever they are. */
export function tarOf(entries: readonly RawEntry[]): Buffer {
  const blocks = entries.map(({ content = '', ...entry }) => {
    const body = Buffer.from(content);
    const whole = { kind: 'file', mode: 0o644, uid: 0, gid: 0, modifiedS: 1e9, linkTarget: '', ...entry } as const;
    const header = encodeHeader({ sizeBytes: body.length, ...whole });
    return Buffer.concat([header, body, Buffer.alloc(tarPadding(body.length))]);
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** An archive of the kind that was stored before. */
export function oldArchive(entries: readonly RawEntry[]): Buffer {
  return gzipSync(tarOf(entries));
}
