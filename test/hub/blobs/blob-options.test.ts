import { expect, test } from 'bun:test';
import { type BlobFlags, parseBlobFlags } from '../../../src/hub/blobs/blob-options.ts';
import type { AppError } from '../../../src/lib/errors.ts';

const ENV = { AWS_ACCESS_KEY_ID: 'access', AWS_SECRET_ACCESS_KEY: 'secret' };

test.each<[BlobFlags, Record<string, string>, object]>([
  [{ blobs: 's3://bucket' }, {}, { endpoint: undefined, region: 'us-east-1', bucket: 'bucket', prefix: '' }],
  [{ blobs: 's3://bucket/' }, { AWS_REGION: 'eu-west-1' }, { region: 'eu-west-1', prefix: '' }],
  [{ blobs: 's3://my.bucket/ci/hub/' }, {}, { bucket: 'my.bucket', prefix: 'ci/hub/' }],
  [
    { blobs: 's3://bucket', s3Endpoint: 'http://minio:9000/', s3Region: 'r' },
    {},
    { endpoint: 'http://minio:9000', region: 'r' },
  ],
])('%j with %j', (flags, env, place) => {
  expect(parseBlobFlags(flags, { ...ENV, ...env }).s3?.place).toMatchObject(place);
});

test('without a bucket there is a folder; limits are sizes', () => {
  expect(parseBlobFlags({ cacheLimit: '5GiB', artifactLimit: '100MiB' }, {})).toEqual({
    s3: undefined,
    limits: { allCachesBytes: 5 * 2 ** 30, taskArtifactBytes: 100 * 2 ** 20 },
  });
});

test.each<[BlobFlags, Record<string, string>, string, string]>([
  [{ blobs: 'bucket' }, ENV, 'USAGE', '--blobs "bucket" is not a bucket'],
  [{ blobs: 's3://Bad_Bucket' }, ENV, 'USAGE', '--blobs "s3://Bad_Bucket" is not a bucket'],
  [{ blobs: 's3://bucket/a b' }, ENV, 'USAGE', '--blobs "s3://bucket/a b" is not a bucket'],
  [{ blobs: 's3://bucket', s3Endpoint: 'minio:9000' }, ENV, 'USAGE', '--s3-endpoint "minio:9000" is not an address'],
  [{ blobs: 's3://bucket', s3Endpoint: 'http://minio/path' }, ENV, 'USAGE', '--s3-endpoint "http://minio/path" is not'],
  [{ blobs: 's3://bucket' }, { AWS_ACCESS_KEY_ID: 'a' }, 'CONFIG', '--blobs needs credentials'],
  [{ s3Endpoint: 'http://minio:9000' }, ENV, 'USAGE', '--s3-endpoint is for a bucket'],
  [{ s3Region: 'r' }, ENV, 'USAGE', '--s3-region is for a bucket'],
  [{ cacheLimit: '5' }, ENV, 'USAGE', '--cache-limit "5" is not a size'],
])('%j is refused with a remedy', (flags, env, code, words) => {
  let thrown: unknown;
  try {
    parseBlobFlags(flags, env);
  } catch (error) {
    thrown = error;
  }
  const { code: found, message, hint } = thrown as AppError;
  expect([found, message.startsWith(words), hint === undefined]).toEqual([code as AppError['code'], true, false]);
});
