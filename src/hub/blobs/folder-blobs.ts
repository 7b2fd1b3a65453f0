import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ensureWritableFolder, errnoOf } from '../../platform/files.ts';
import { randomToken } from '../../platform/random.ts';
import { explainFault } from '../store/database-error.ts';
import { type BlobStore, type ByteRange, bounded, type StoredBlob } from './blob-store.ts';

/** Half-written files end so; a new life of the hub sweeps them out when they are old. */
const PARTIAL = '.part';
const COPY_BYTES = 1024 * 1024;

class Writer {
  readonly #hash = new Bun.CryptoHasher('sha256');
  #size = 0;

  constructor(private readonly handle: FileHandle) {}

  async add(data: Uint8Array): Promise<void> {
    this.#hash.update(data);
    this.#size += data.length;
    await this.handle.writeFile(data);
  }

  async finish(): Promise<StoredBlob> {
    await this.handle.sync();
    return { size: this.#size, digest: this.#hash.digest('hex') };
  }
}

async function sizeAt(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function* contentOf(path: string): AsyncGenerator<Uint8Array> {
  const handle = await open(path, 'r');
  try {
    for (;;) {
      const { buffer, bytesRead } = await handle.read(new Uint8Array(COPY_BYTES), 0, COPY_BYTES, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/** Blobs as files of a folder, two digits of their names as sub-folder. */
export async function openFolderBlobs(folder: string): Promise<BlobStore> {
  await ensureWritableFolder(folder);
  const folderOf = (name: string) => join(folder, name.slice(0, 2));
  const pathOf = (name: string) => join(folderOf(name), name);

  /** Writes beside and renames, so that a name has all of its content or none. */
  const write = async (name: string, fill: (writer: Writer) => Promise<void>): Promise<StoredBlob> => {
    const partial = `${pathOf(name)}.${randomToken(6)}${PARTIAL}`;
    try {
      await mkdir(folderOf(name), { recursive: true, mode: 0o700 });
      const handle = await open(partial, 'wx', 0o600);
      try {
        const writer = new Writer(handle);
        await fill(writer);
        const stored = await writer.finish();
        await rename(partial, pathOf(name));
        await syncFolder(folderOf(name));
        return stored;
      } finally {
        await handle.close();
      }
    } catch (error) {
      await rm(partial, { force: true }).catch(() => {}); // the first error is the one to report
      throw explainFault(error, `folder ${folder}`);
    }
  };

  return {
    put: (name, body, maxBytes, signal) =>
      write(name, async (writer) => {
        for await (const chunk of bounded(body, maxBytes, signal)) await writer.add(chunk);
      }),
    read(name, range?: ByteRange) {
      const file = Bun.file(pathOf(name));
      return (range === undefined ? file : file.slice(range.from, range.to)).stream();
    },
    async stat(name) {
      const size = await sizeAt(pathOf(name));
      return size === undefined ? undefined : { size };
    },
    async join(name, parts) {
      const stored = await write(name, async (writer) => {
        for (const part of parts) for await (const chunk of contentOf(pathOf(part))) await writer.add(chunk);
      });
      for (const part of parts) await rm(pathOf(part), { force: true });
      return stored;
    },
    remove: (name) => rm(pathOf(name), { force: true }),
    async *list() {
      for (const entry of await readdir(folder, { withFileTypes: true })) {
        if (!entry.isDirectory()) continue;
        for (const name of await readdir(join(folder, entry.name))) {
          const found = await stat(join(folder, entry.name, name)).catch(() => undefined); // removed meanwhile
          if (found?.isFile()) yield { name: basename(name), changedMs: found.mtimeMs };
        }
      }
    },
  };
}
