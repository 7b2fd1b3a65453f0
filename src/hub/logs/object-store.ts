import { mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf, writeFileAtomically } from '../../platform/files.ts';
import type { BlobOptions } from '../blobs/blob-options.ts';
import { explainFault } from '../store/database-error.ts';

/** Whole objects by name, written once, in a place that all hubs on one database share. */
export interface ObjectStore {
  /** Resolves once it is stored for good. */
  put(name: string, data: Uint8Array): Promise<void>;
  /** Bytes of a range; none where the object is missing. */
  read(name: string, from: number, to: number): Promise<Uint8Array>;
  /** Names that are missing are no error. */
  remove(names: readonly string[]): Promise<void>;
}

/** Objects as files. With several hubs the folder must be one that all of them see (NFS, EFS, …). */
export function folderObjects(folder: string): ObjectStore {
  const pathOf = (name: string) => join(folder, name);
  return {
    async put(name, data) {
      try {
        await mkdir(dirname(pathOf(name)), { recursive: true, mode: 0o700 });
        await writeFileAtomically(pathOf(name), data);
      } catch (error) {
        throw explainFault(error, `folder ${folder}`);
      }
    },
    async read(name, from, to) {
      try {
        const handle = await open(pathOf(name), 'r');
        try {
          const { buffer, bytesRead } = await handle.read(new Uint8Array(to - from), 0, to - from, from);
          return buffer.subarray(0, bytesRead);
        } finally {
          await handle.close();
        }
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return new Uint8Array();
        throw error;
      }
    },
    async remove(names) {
      for (const name of names) await rm(pathOf(name), { force: true });
    },
  };
}

/** Opens what hubs on one database share: the bucket of caches and artifacts where there is one, or else `folder`. */
export async function openObjects({ s3 }: Pick<BlobOptions, 's3'>, folder: string): Promise<ObjectStore> {
  if (s3 === undefined) return folderObjects(folder);
  const { s3Objects } = await import('./s3-objects.ts');
  return s3Objects(s3);
}
