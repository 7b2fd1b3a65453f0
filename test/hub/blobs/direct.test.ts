import { expect, test } from 'bun:test';
import { ADDRESS_MS } from '../../../src/hub/blobs/blob-desk.ts';
import { s3Blobs } from '../../../src/hub/blobs/s3-blobs.ts';
import { Secret } from '../../../src/lib/secret.ts';
import { FakeS3 } from '../../support/fake-s3.ts';
import { agents, ContentRig, statusOf } from './content-rig.ts';

async function start(s3: FakeS3, limits = {}): Promise<ContentRig> {
  const credentials = { accessKeyId: 'access', secretAccessKey: new Secret('secret') };
  const place = { endpoint: s3.url, region: 'us-east-1', bucket: s3.bucket, prefix: 'hub/' };
  return ContentRig.start(limits, s3Blobs({ place, credentials, fetch, wallMs: () => Date.now() }));
}

test('caches go to the store and come from it, without the hub in between', async () => {
  await using s3 = new FakeS3();
  await using rig = await start(s3);
  const { url } = await rig.call(agents.generateCacheUploadURL, { cacheKey: 'k' });
  expect([url.startsWith(`${s3.url}/bucket/hub/`), url.includes('secret')]).toEqual([true, false]);
  expect(await statusOf(rig.call(agents.cacheInfo, { cacheKey: 'k' }))).toBe('NOT_FOUND'); // nothing has come yet
  expect((await fetch(url, { method: 'PUT', body: 'content' })).status).toBe(200);
  expect((await rig.call(agents.cacheInfo, { cacheKey: 'k' })).info?.sizeInBytes).toBe(7n);
  const { urls } = await rig.call(
    agents.generateCacheDownloadURLs,
    { cacheKey: 'k' },
    'http://behind.a.forwarded.port:1',
  );
  expect(urls[0]).toStartWith(`${s3.url}/bucket/hub/`);
  expect(await rig.fetch('k')).toBe('content');
  expect(rig.hub.bugs).toEqual([]);
});

test('a prefix finds what has come, once the keeper has looked', async () => {
  await using s3 = new FakeS3();
  await using rig = await start(s3);
  await rig.store('go-1', 'x');
  await rig.hub.heart.keeper.keep();
  expect((await rig.call(agents.cacheInfo, { cacheKeyPrefixes: ['go-'] })).info?.key).toBe('go-1');
});

test('what is larger than allowed becomes no cache, and goes', async () => {
  await using s3 = new FakeS3();
  await using rig = await start(s3, { cacheBytes: 3 });
  await rig.store('k', 'four');
  expect(await rig.fetch('k')).toBeUndefined();
  await rig.hub.heart.keeper.keep();
  expect(s3.objects.size).toBe(0);
});

test('parts are put together by the store', async () => {
  await using s3 = new FakeS3();
  await using rig = await start(s3);
  const cacheKey = { cacheKey: 'big' };
  const { uploadId } = await rig.call(agents.multipartCacheUploadCreate, cacheKey);
  const parts = [];
  for (const [index, body] of ['aa', 'b'].entries()) {
    const part = { cacheKey, uploadId, partNumber: index + 1, contentLength: BigInt(body.length) };
    const { url } = await rig.call(agents.multipartCacheUploadPart, part);
    const response = await fetch(url, { method: 'PUT', body });
    parts.push({ partNumber: index + 1, etag: response.headers.get('etag') ?? '' });
  }
  await rig.call(agents.multipartCacheUploadCommit, { cacheKey, uploadId, parts });
  await rig.call(agents.multipartCacheUploadCommit, { cacheKey, uploadId, parts });
  expect(await rig.fetch('big')).toBe('aab');
});

test('parts that nobody puts together end at the store too', async () => {
  await using s3 = new FakeS3();
  await using rig = await start(s3);
  await rig.call(agents.multipartCacheUploadCreate, { cacheKey: 'big' });
  expect(s3.uploads.size).toBe(1);
  rig.hub.clock.stepWall(ADDRESS_MS);
  await rig.hub.heart.keeper.keep();
  expect(s3.uploads.size).toBe(0);
});

test('artifacts go to the store; people get them through the hub, which says how to treat them', async () => {
  await using s3 = new FakeS3();
  await using rig = await start(s3);
  const files = [
    { path: 'a', sizeInBytes: 4n },
    { path: 'empty', sizeInBytes: 0n },
  ];
  const { urls } = await rig.call(agents.generateArtifactUploadURLs, { name: 'n', files });
  expect(urls[0]?.url).toStartWith(s3.url);
  const commit = () => rig.call(agents.commitUploadedArtifacts, { name: 'n', files });
  expect(await statusOf(commit())).toBe('FAILED_PRECONDITION');
  await fetch(urls[0]?.url ?? '', { method: 'PUT', body: 'four' });
  await fetch(urls[1]?.url ?? '', { method: 'PUT', headers: { 'content-length': '0' } });
  await commit();
  const found = await rig.hub.heart.artifacts.find(Number(rig.task.taskId), 'n', 'a');
  const response = await fetch(rig.hub.web.text + found?.downloadPath);
  expect([response.status, await response.text()]).toEqual([200, 'four']);
  expect(response.headers.get('content-disposition')).toStartWith('attachment');
});

test('a store that is away makes calls come back later', async () => {
  await using s3 = new FakeS3();
  await using rig = await start(s3);
  await rig.store('k', 'x');
  await rig.fetch('k');
  s3.broken = 503;
  expect(await statusOf(rig.call(agents.generateCacheDownloadURLs, { cacheKey: 'k' }))).toBe('UNAVAILABLE');
  s3.broken = undefined;
  expect(await rig.fetch('k')).toBe('x');
});
