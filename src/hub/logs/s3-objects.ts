import { AppError } from '../../lib/errors.ts';
import { errnoOf } from '../../platform/files.ts';
import { s3Client } from '../blobs/s3-blobs.ts';
import type { S3DirectDeps } from '../blobs/s3-direct.ts';
import type { ObjectStore } from './object-store.ts';

function failure(what: string, error: unknown): AppError {
  const code = errnoOf(error) ?? (error instanceof Error ? error.message : String(error));
  return new AppError('UNAVAILABLE', `the S3 store did not ${what}: ${code}`, { cause: error });
}

/** Objects in a bucket of an S3-compatible store, beside the caches and artifacts. */
export function s3Objects(where: Pick<S3DirectDeps, 'place' | 'credentials'>): ObjectStore {
  const client = s3Client(where);
  const fileOf = (name: string) => client.file(where.place.prefix + name);
  return {
    async put(name, data) {
      try {
        await fileOf(name).write(data);
      } catch (error) {
        throw failure('take a part of a log', error);
      }
    },
    async read(name, from, to) {
      try {
        return await fileOf(name).slice(from, to).bytes();
      } catch (error) {
        if (errnoOf(error) === 'NoSuchKey') return new Uint8Array();
        throw failure('give a part of a log', error);
      }
    },
    async remove(names) {
      for (const name of names) {
        try {
          await fileOf(name).delete();
        } catch (error) {
          if (errnoOf(error) !== 'NoSuchKey') throw failure('remove a part of a log', error);
        }
      }
    },
  };
}
