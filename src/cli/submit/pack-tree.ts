import type { Stats } from 'node:fs';
import { type FileHandle, lstat, open, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../lib/errors.ts';
import { type TarHeader, tarPadding } from '../../lib/tar-format.ts';
import { tarEnd, tarHeaderBytes } from '../../lib/tar-writer.ts';
import { errnoOf } from '../../platform/files.ts';

/** Files up to this size are read in one go, so that their size and content cannot disagree. */
const SMALL_BYTES = 1024 * 1024;
/** Small files travel together: one piece for each would cost more than the files. */
const PIECE_BYTES = 256 * 1024;

async function* largeContent(handle: FileHandle, sizeBytes: number, path: string): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < sizeBytes; ) {
    const buffer = new Uint8Array(Math.min(SMALL_BYTES, sizeBytes - sent));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length);
    if (bytesRead === 0) {
      const hint = 'submit again when nothing writes to it';
      throw new AppError('TEMPORARY', `${path} became shorter while it was sent`, { hint });
    }
    sent += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

function headerOf(path: string, stats: Stats, sizeBytes: number): TarHeader {
  const executable = (stats.mode & 0o100) !== 0;
  return { path, type: 'file', executable, sizeBytes, linkTarget: '', modifiedS: Math.floor(stats.mtimeMs / 1_000) };
}

async function* packFile(full: string, path: string, stats: Stats): AsyncGenerator<Uint8Array> {
  if (stats.size <= SMALL_BYTES) {
    const content = await readFile(full);
    yield tarHeaderBytes(headerOf(path, stats, content.length));
    yield content;
    yield new Uint8Array(tarPadding(content.length));
    return;
  }
  const handle = await open(full);
  try {
    const { size } = await handle.stat();
    yield tarHeaderBytes(headerOf(path, stats, size));
    yield* largeContent(handle, size, path);
    yield new Uint8Array(tarPadding(size));
  } finally {
    await handle.close();
  }
}

async function* packEntry(folder: string, path: string, warn: (text: string) => void): AsyncGenerator<Uint8Array> {
  const full = join(folder, path);
  const stats = await lstat(full);
  if (stats.isSymbolicLink()) {
    const linkTarget = await readlink(full);
    yield tarHeaderBytes({ ...headerOf(path, stats, 0), type: 'symlink', executable: false, linkTarget });
  } else if (stats.isFile()) {
    yield* packFile(full, path, stats);
  } else {
    const what = stats.isDirectory() ? 'is a repository of its own' : 'is not a regular file';
    warn(`${path.replace(/\/$/, '')} ${what}, left out`);
  }
}

async function* packAll(folder: string, paths: readonly string[], warn: (text: string) => void) {
  for (const path of paths) {
    try {
      yield* packEntry(folder, path, warn);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === undefined || error instanceof AppError) throw error;
      if (errno !== 'ENOENT' && errno !== 'ENOTDIR') {
        const hint = 'make it readable, or name it in .gitignore';
        throw new AppError('CONFIG', `this file cannot be read (${errno})`, {
          place: { file: path },
          hint,
          cause: error,
        });
      }
      warn(`${path} is not there any more, left out`);
    }
  }
  yield tarEnd();
}

/**
 * The work tree as a tar stream, read while it is sent. A file that is gone is told to `warn` and left out. Throws
 * `AppError` for a file that cannot be read.
 */
export async function* packTree(
  folder: string,
  paths: readonly string[],
  warn: (text: string) => void,
): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of packAll(folder, paths, warn)) {
    waiting.push(piece);
    bytes += piece.length;
    if (bytes < PIECE_BYTES) continue;
    yield new Uint8Array(Buffer.concat(waiting));
    waiting = [];
    bytes = 0;
  }
  yield new Uint8Array(Buffer.concat(waiting));
}
