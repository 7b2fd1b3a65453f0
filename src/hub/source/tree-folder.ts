import { createHash } from 'node:crypto';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../lib/errors.ts';
import { formatSize } from '../../lib/size.ts';
import { readTar } from '../../lib/tar-reader.ts';
import { ensureWritableFolder, errnoOf } from '../../platform/files.ts';
import { randomToken } from '../../platform/random.ts';
import { createTreeChecker } from './work-tree-rules.ts';

const UPLOAD_PREFIX = '.upload-';

/** Beyond the hub's limit; an error of its own, since HTTP has a status for it. */
export class TreeTooLargeError extends AppError {}

export interface StoredTree {
  /** SHA-256 of the archive, as 64 hexadecimal digits. */
  readonly treeId: string;
  readonly sizeBytes: number;
  readonly files: number;
}

/** Archives of work trees, one file each, named by their content. */
export interface TreeFolder {
  /** Checks and keeps an archive while it comes in. Throws `AppError` (CONFIG) for a bad one; nothing is left then. */
  put(body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<StoredTree>;
  /** Trees that were last stored a day ago or earlier. */
  old(wallMs: number): AsyncIterable<string>;
  remove(treeId: string): Promise<void>;
  /** Where the archive lies, or undefined when it was never stored. */
  find(treeId: string): Promise<string | undefined>;
}

interface Received {
  readonly path: string;
  readonly hash: ReturnType<typeof createHash>;
  sizeBytes: number;
}

/** Passes the upload on while it is written to `received.path` and counted. */
async function* recorded(
  body: AsyncIterable<Uint8Array>,
  received: Received,
  maxBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const handle = await open(received.path, 'wx', 0o600);
  try {
    for await (const chunk of body) {
      signal.throwIfAborted();
      received.sizeBytes += chunk.length;
      if (received.sizeBytes > maxBytes) {
        const hint = 'leave large files out with .gitignore, or raise the limit of the hub';
        throw new TreeTooLargeError('CONFIG', `the work tree is larger than ${formatSize(maxBytes)}`, { hint });
      }
      received.hash.update(chunk);
      await handle.writeFile(chunk);
      yield chunk;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function checkedEntries(stream: AsyncIterable<Uint8Array>): Promise<number> {
  const check = createTreeChecker();
  let files = 0;
  for await (const entry of readTar(stream)) {
    check(entry);
    if (entry.type !== 'folder') files += 1;
  }
  return files;
}

/** Another hub may share the folder, and receive right now. */
export const STALE_MS = 24 * 3_600_000;

/** Removes what earlier lives left half-written a day ago. */
async function sweepOut(folder: string, wallMs: number): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(UPLOAD_PREFIX)) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined); // gone meanwhile
    if (found !== undefined && wallMs - found.mtimeMs > STALE_MS) await rm(path, { force: true });
  }
}

/** Makes the folder when missing. `wallMs` is now. */
export async function openTreeFolder(folder: string, maxBytes: number, wallMs: number): Promise<TreeFolder> {
  await ensureWritableFolder(folder);
  await sweepOut(folder, wallMs);
  const pathOf = (treeId: string) => join(folder, `${treeId}.tar`);
  return {
    async put(body, signal) {
      const path = join(folder, `${UPLOAD_PREFIX}${randomToken(8)}`);
      const received: Received = { path, hash: createHash('sha256'), sizeBytes: 0 };
      const stream = recorded(body, received, maxBytes, signal);
      try {
        const files = await checkedEntries(stream);
        for await (const _padding of stream); // archives are padded to whole records
        const treeId = received.hash.digest('hex');
        await rename(received.path, pathOf(treeId));
        return { treeId, sizeBytes: received.sizeBytes, files };
      } catch (error) {
        await rm(received.path, { force: true });
        throw error;
      }
    },
    async *old(nowMs) {
      for (const name of await readdir(folder)) {
        const [, treeId] = /^([0-9a-f]{64})\.tar$/.exec(name) ?? [];
        if (treeId === undefined) continue;
        const found = await stat(pathOf(treeId)).catch(() => undefined); // gone meanwhile
        if (found !== undefined && nowMs - found.mtimeMs > STALE_MS) yield treeId;
      }
    },
    remove: (treeId) => rm(pathOf(treeId), { force: true }),
    async find(treeId) {
      if (!/^[0-9a-f]{64}$/.test(treeId)) return undefined;
      try {
        return (await stat(pathOf(treeId))).isFile() ? pathOf(treeId) : undefined;
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return undefined;
        throw error;
      }
    },
  };
}
