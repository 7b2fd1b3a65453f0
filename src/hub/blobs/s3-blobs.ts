import { S3Client, type S3File } from 'bun';
import { AppError } from '../../lib/errors.ts';
import { errnoOf } from '../../platform/files.ts';
import { type BlobStore, BlobTooLargeError, bounded, type StoredBlob } from './blob-store.ts';
import { type S3DirectDeps, s3Direct } from './s3-direct.ts';

/** Pieces in which content goes to the store; S3 takes none below 5 MiB but the last. */
const PART_BYTES = 8 * 1024 * 1024;

const MISSING = ['NoSuchKey', 'NotFound'];

function away(what: string, error: unknown): unknown {
  if (error instanceof AppError) return error;
  const code = errnoOf(error) ?? (error instanceof Error ? error.message : String(error));
  return new AppError('UNAVAILABLE', `the S3 store did not ${what}: ${code}`, { cause: error });
}

/** A client for the bucket. */
export function s3Client({ place, credentials }: Pick<S3DirectDeps, 'place' | 'credentials'>): S3Client {
  return new S3Client({
    bucket: place.bucket,
    region: place.region,
    endpoint: place.endpoint ?? `https://s3.${place.region}.amazonaws.com`,
    accessKeyId: credentials.accessKeyId,
    secretAccessKey: credentials.secretAccessKey.reveal(),
    ...(credentials.sessionToken === undefined ? {} : { sessionToken: credentials.sessionToken.reveal() }),
  });
}

/** Blobs in a bucket of an S3-compatible store. Agents reach it directly. */
export function s3Blobs(deps: S3DirectDeps): BlobStore {
  const { place } = deps;
  const client = s3Client(deps);
  const fileOf = (name: string) => client.file(place.prefix + name);

  const fill = async (file: S3File, body: AsyncIterable<Uint8Array>): Promise<StoredBlob> => {
    const hash = new Bun.CryptoHasher('sha256');
    const writer = file.writer({ partSize: PART_BYTES, queueSize: 2, retry: 3 });
    let [size, unsent] = [0, 0];
    try {
      for await (const chunk of body) {
        hash.update(chunk);
        size += chunk.length;
        unsent += chunk.length;
        writer.write(chunk);
        if (unsent < PART_BYTES) continue;
        unsent = 0;
        await writer.flush(); // the sender waits for the store
      }
    } catch (error) {
      await Promise.resolve(writer.end(error instanceof Error ? error : new Error(String(error)))).catch(() => {}); // the first error is the one to report
      throw error;
    }
    await writer.end();
    return { size, digest: hash.digest('hex') };
  };

  const put: BlobStore['put'] = async (name, body, maxBytes, signal) => {
    try {
      return await fill(fileOf(name), bounded(body, maxBytes, signal));
    } catch (error) {
      await fileOf(name)
        .delete()
        .catch(() => {}); // what was begun may not have come into being
      if (error instanceof BlobTooLargeError || signal.aborted) throw error;
      throw away('take content', error);
    }
  };

  return {
    put,
    read(name, range) {
      const file = fileOf(name);
      return (range === undefined ? file : file.slice(range.from, range.to)).stream();
    },
    async stat(name) {
      try {
        const { size, etag } = await fileOf(name).stat();
        return { size, digest: etag.replace(/^"|"$/g, '') };
      } catch (error) {
        if (MISSING.includes(errnoOf(error) ?? '')) return undefined;
        throw away('tell of content', error);
      }
    },
    async join(name, parts) {
      async function* all() {
        for (const part of parts) yield* fileOf(part).stream();
      }
      const stored = await put(name, all(), Number.MAX_SAFE_INTEGER, new AbortController().signal);
      for (const part of parts) await fileOf(part).delete();
      return stored;
    },
    async remove(name) {
      try {
        await fileOf(name).delete();
      } catch (error) {
        if (!MISSING.includes(errnoOf(error) ?? '')) throw away('remove content', error);
      }
    },
    async *list() {
      let startAfter: string | undefined;
      for (;;) {
        const found = await client.list({ prefix: place.prefix, ...(startAfter === undefined ? {} : { startAfter }) });
        const contents = found.contents ?? [];
        for (const { key, lastModified } of contents) {
          yield { name: key.slice(place.prefix.length), changedMs: Date.parse(String(lastModified)) };
        }
        startAfter = contents.at(-1)?.key;
        if (found.isTruncated !== true || startAfter === undefined) return;
      }
    },
    direct: s3Direct(deps),
  };
}
