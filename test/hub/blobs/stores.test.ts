import { describe, expect, test } from 'bun:test';
import type { BlobStore } from '../../../src/hub/blobs/blob-store.ts';
import { openFolderBlobs } from '../../../src/hub/blobs/folder-blobs.ts';
import { s3Blobs } from '../../../src/hub/blobs/s3-blobs.ts';
import { Secret } from '../../../src/lib/secret.ts';
import { FakeS3 } from '../../support/fake-s3.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { bytesOf, sha256 } from './content-rig.ts';

export const NAME = 'ab'.repeat(16);

export function storeAt(s3: FakeS3, prefix = 'hub/'): BlobStore {
  return s3Blobs({
    place: { endpoint: s3.url, region: 'us-east-1', bucket: s3.bucket, prefix },
    credentials: { accessKeyId: 'access', secretAccessKey: new Secret('secret') },
    fetch,
    wallMs: () => Date.now(),
  });
}

const STORES: [string, () => Promise<{ blobs: BlobStore; end: () => Promise<void>; left: () => number }>][] = [
  [
    'a folder',
    async () => {
      const folder = tempFolder();
      const left = () => [...new Bun.Glob('**/*').scanSync({ cwd: folder.path })].length;
      return { blobs: await openFolderBlobs(folder.path), left, end: async () => folder[Symbol.dispose]() };
    },
  ],
  [
    'an S3-compatible store',
    async () => {
      const s3 = new FakeS3();
      return {
        blobs: storeAt(s3),
        left: () => s3.objects.size + s3.uploads.size,
        end: () => s3[Symbol.asyncDispose](),
      };
    },
  ],
];

async function* pieces(...all: Uint8Array[]) {
  yield* all;
}

const textOf = (stream: ReadableStream<Uint8Array>) => new Response(stream).text();
const soon = () => AbortSignal.timeout(20_000);

describe.each(STORES)('%s', (_title, open) => {
  const using = async (use: (blobs: BlobStore, left: () => number) => Promise<void>) => {
    const { blobs, left, end } = await open();
    try {
      await use(blobs, left);
    } finally {
      await end();
    }
  };

  test('keeps content, gives it and ranges of it, tells its size, forgets it', () =>
    using(async (blobs) => {
      expect(await blobs.stat(NAME)).toBeUndefined();
      const stored = await blobs.put(NAME, pieces(bytesOf('con'), bytesOf('tent')), 7, soon());
      expect(stored).toEqual({ size: 7, digest: sha256('content') });
      expect((await blobs.stat(NAME))?.size).toBe(7);
      expect(await textOf(blobs.read(NAME))).toBe('content');
      expect(await textOf(blobs.read(NAME, { from: 3, to: 6 }))).toBe('ten');
      await blobs.remove(NAME);
      await blobs.remove(NAME);
      expect(await blobs.stat(NAME)).toBeUndefined();
    }));

  test('keeps nothing as nothing', () =>
    using(async (blobs) => {
      expect(await blobs.put(NAME, pieces(), 0, soon())).toEqual({ size: 0, digest: sha256('') });
      expect((await blobs.stat(NAME))?.size).toBe(0);
    }));

  test(
    'takes large content in parts, whole',
    () =>
      using(async (blobs) => {
        const piece = new Uint8Array(1024 * 1024).fill(7, 1000, 500_000);
        const all = Array.from({ length: 20 }, (_, n) => piece.subarray(n));
        const { size, digest } = await blobs.put(NAME, pieces(...all), 2 ** 30, soon());
        expect([size, digest]).toEqual([20 * 2 ** 20 - 190, sha256(Buffer.concat(all))]);
        const back = new Uint8Array(await new Response(blobs.read(NAME)).arrayBuffer());
        expect(sha256(back)).toBe(digest);
      }),
    30_000,
  );

  test.each<[string, number]>([
    ['one byte', 7],
    ['megabytes', 20 * 2 ** 20],
  ])('refuses %s too much, and leaves nothing', (_what, length) =>
    using(async (blobs, left) => {
      const half = new Uint8Array(Math.ceil(length / 2));
      const put = blobs.put(NAME, pieces(half, half), length - 1, soon());
      await expect(put).rejects.toThrow('is larger than');
      expect(left()).toBe(0);
    }),
  );

  test('leaves nothing of what breaks off', () =>
    using(async (blobs, left) => {
      async function* broken() {
        yield new Uint8Array(9 * 2 ** 20);
        throw new Error('the sender has gone');
      }
      await expect(blobs.put(NAME, broken(), 2 ** 30, soon())).rejects.toThrow();
      expect([await blobs.stat(NAME), left()]).toEqual([undefined, 0]);
    }));

  test('joins blobs in their order', () =>
    using(async (blobs) => {
      const names = ['01', '02', '03'].map((end) => NAME + end);
      for (const name of names) await blobs.put(name, pieces(bytesOf(name.slice(-1))), 9, soon());
      expect(await blobs.join(NAME, names)).toEqual({ size: 3, digest: sha256('123') });
      expect(await textOf(blobs.read(NAME))).toBe('123');
      expect(await blobs.stat(names[0] ?? '')).toBeUndefined();
    }));

  test('lists everything with its age', () =>
    using(async (blobs) => {
      const names = ['0a', '1b', '2c', '3d', '4e'].map((start) => start.repeat(16));
      for (const name of names) await blobs.put(name, pieces(bytesOf('x')), 9, soon());
      const found: string[] = [];
      for await (const { name, changedMs } of blobs.list()) {
        found.push(name);
        expect(Math.abs(Date.now() - changedMs)).toBeLessThan(3_600_000);
      }
      expect(found.sort()).toEqual(names);
    }));
});

describe('an S3-compatible store that fails', () => {
  test('is told as away, without its secrets', async () => {
    await using s3 = new FakeS3();
    const blobs = storeAt(s3);
    s3.broken = 503;
    const calls: (() => Promise<unknown> | undefined)[] = [
      () => blobs.put(NAME, pieces(bytesOf('x')), 9, soon()),
      () => blobs.stat(NAME),
      () => blobs.remove(NAME),
      () => blobs.direct?.createMultipart(NAME),
    ];
    for (const call of calls) {
      const error = await Promise.resolve(call()).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('the S3 store did not') });
      expect(String(error)).not.toContain('secret');
    }
  }, 20_000);

  test('a completion that fails with status 200 is no success', async () => {
    await using s3 = new FakeS3();
    const { direct } = storeAt(s3);
    const id = (await direct?.createMultipart(NAME)) ?? '';
    await expect(direct?.commitMultipart(NAME, id, [{ part: 1, etag: 'none' }])).rejects.toThrow('InvalidPart');
    await direct?.abortMultipart(NAME, id);
    await direct?.abortMultipart(NAME, id);
    expect(s3.uploads.size).toBe(0);
  });
});
