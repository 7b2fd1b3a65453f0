import { describe, expect, test } from 'bun:test';
import type { DescMessage } from '@bufbuild/protobuf';
import { ADDRESS_MS } from '../../../src/hub/blobs/blob-desk.ts';
import { cacheScopesOf } from '../../../src/hub/blobs/cache-scope.ts';
import { Caches } from '../../../src/hub/blobs/caches.ts';
import { agents, bytesOf, ContentRig, sha256, statusOf } from './content-rig.ts';

const sizeOf = (key: string, rig: ContentRig) =>
  rig.call(agents.cacheInfo, { cacheKey: key }).then(({ info }) => Number(info?.sizeInBytes));

describe('a cache', () => {
  test('is stored by one address and fetched by another', async () => {
    await using rig = await ContentRig.start();
    const response = await rig.store('node_modules-1', 'content');
    expect([response.status, response.headers.get('etag')]).toEqual([200, `"${sha256('content')}"`]);
    expect(await rig.fetch('node_modules-1')).toBe('content');
    const { info } = await rig.call(agents.cacheInfo, { cacheKey: 'node_modules-1' });
    expect(info).toMatchObject({
      key: 'node_modules-1',
      sizeInBytes: 7n,
      creationTimestamp: BigInt(Date.UTC(2026, 0, 1) / 1000),
      createdByTaskId: rig.task.taskId,
      oldCreatedByTaskId: BigInt(rig.task.taskId),
    });
    expect(rig.hub.bugs).toEqual([]);
  });

  test('that is not there is a miss everywhere', async () => {
    await using rig = await ContentRig.start();
    expect(await statusOf(rig.call(agents.cacheInfo, { cacheKey: 'none' }))).toBe('NOT_FOUND');
    expect(await statusOf(rig.call(agents.generateCacheDownloadURLs, { cacheKey: 'none' }))).toBe('NOT_FOUND');
    expect(await statusOf(rig.call(agents.deleteCache, { cacheKey: 'none' }))).toBe('OK');
  });

  test('stored again takes the place of the first; addresses of the first are good until they expire', async () => {
    await using rig = await ContentRig.start();
    await rig.store('k', 'first');
    const { urls } = await rig.call(agents.generateCacheDownloadURLs, { cacheKey: 'k' });
    await rig.store('k', 'second');
    expect(await rig.fetch('k')).toBe('second');
    expect(await (await fetch(urls[0] ?? '')).text()).toBe('first');
    expect(await rig.stored()).toHaveLength(2);
    rig.hub.clock.stepWall(ADDRESS_MS);
    await rig.hub.heart.keeper.keep();
    expect(await rig.stored()).toHaveLength(1);
    expect(await rig.fetch('k')).toBe('second');
    expect((await fetch(urls[0] ?? '')).status).toBe(403);
  });

  test('is found by prefix: exact key first, then the newest of the first prefix that fits', async () => {
    await using rig = await ContentRig.start();
    for (const key of ['go-1', 'go-3', 'go-2', 'gem-1', 'go%_x']) {
      await rig.store(key, key);
      rig.hub.clock.stepWall(1_000);
    }
    const found = async (cacheKey: string, ...cacheKeyPrefixes: string[]) =>
      (await rig.call(agents.cacheInfo, { cacheKey, cacheKeyPrefixes })).info?.key;
    expect(await found('go-1', 'go-')).toBe('go-1');
    expect(await found('go-9', 'go-')).toBe('go-2');
    expect(await found('', 'none-', 'gem-', 'go-')).toBe('gem-1');
    expect(await found('', 'go%')).toBe('go%_x'); // no wildcards
    expect(await statusOf(rig.call(agents.cacheInfo, { cacheKey: '', cacheKeyPrefixes: ['', 'x'] }))).toBe('NOT_FOUND');
  });

  test('is gone when it was deleted', async () => {
    await using rig = await ContentRig.start();
    await rig.store('k', 'x');
    await rig.call(agents.deleteCache, { cacheKey: 'k' });
    expect(await rig.fetch('k')).toBeUndefined();
  });

  test('whose content was lost or cut is a miss, and forgotten', async () => {
    await using rig = await ContentRig.start();
    await rig.store('k', 'content');
    const [name = ''] = await rig.stored();
    await rig.hub.blobs.put(name, [bytesOf('cont')] as never, 100, AbortSignal.timeout(5_000));
    expect(await rig.fetch('k')).toBeUndefined();
    expect(await statusOf(rig.call(agents.cacheInfo, { cacheKey: 'k' }))).toBe('NOT_FOUND');
    expect(rig.hub.log.join('')).toContain('a cache has lost its content');
  });

  test.each([
    ['', 'INVALID_ARGUMENT'],
    ['x'.repeat(1_025), 'INVALID_ARGUMENT'],
    ['a\0b', 'INVALID_ARGUMENT'],
    ['../../etc/passwd', 'OK'],
    ["'; DROP TABLE caches; --", 'OK'],
    ['schlüssel 🔑\n%00', 'OK'],
  ])('key %j', async (key, expected) => {
    await using rig = await ContentRig.start();
    const outcome = await statusOf(rig.call(agents.generateCacheUploadURL, { cacheKey: key }));
    expect(outcome).toBe(expected);
    if (expected !== 'OK') return;
    await rig.store(key, key);
    expect(await rig.fetch(key)).toBe(key);
  });

  test('of nothing is a cache too', async () => {
    await using rig = await ContentRig.start();
    expect((await rig.store('empty', '')).status).toBe(200);
    expect(await sizeOf('empty', rig)).toBe(0);
    expect(await rig.fetch('empty')).toBe('');
  });

  test('beyond its limit is refused, announced or not, and leaves nothing', async () => {
    await using rig = await ContentRig.start({ cacheBytes: 1_000 });
    const { url } = await rig.call(agents.generateCacheUploadURL, { cacheKey: 'k' });
    expect((await fetch(url, { method: 'PUT', body: 'x'.repeat(1_001) })).status).toBe(413);
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(600)) });
    expect((await fetch(url, { method: 'PUT', body: endless })).status).toBe(413);
    expect(await rig.stored()).toEqual([]);
    expect((await fetch(url, { method: 'PUT', body: 'x'.repeat(1_000) })).status).toBe(200);
    expect(rig.hub.bugs).toEqual([]);
  });

  test('of a run that has ended is not taken', async () => {
    await using rig = await ContentRig.start();
    await rig.worker.stopped(rig.task);
    for (const method of [agents.generateCacheUploadURL, agents.multipartCacheUploadCreate]) {
      expect(await statusOf(rig.call<DescMessage, DescMessage>(method, { cacheKey: 'k' } as never))).toBe(
        'FAILED_PRECONDITION',
      );
    }
    expect(await statusOf(rig.call(agents.deleteCache, { cacheKey: 'k' }))).toBe('FAILED_PRECONDITION');
  });

  test('the least used go when there is too much', async () => {
    await using rig = await ContentRig.start({ allCachesBytes: 10 });
    for (const key of ['a', 'b', 'c']) {
      await rig.store(key, 'xxxx');
      rig.hub.clock.stepWall(61_000);
    }
    await rig.fetch('a');
    await rig.hub.heart.keeper.keep();
    expect([await rig.fetch('a'), await rig.fetch('b'), await rig.fetch('c')]).toEqual(['xxxx', undefined, 'xxxx']);
  });

  test('promises are bounded, and end', async () => {
    await using rig = await ContentRig.start({ openUploads: 3 });
    const urls = [];
    for (const key of ['a', 'b', 'c'])
      urls.push((await rig.call(agents.generateCacheUploadURL, { cacheKey: key })).url);
    const outcome = statusOf(rig.call(agents.generateCacheUploadURL, { cacheKey: 'd' }));
    expect(await outcome).toBe('RESOURCE_EXHAUSTED');
    rig.hub.clock.stepWall(ADDRESS_MS);
    await rig.hub.heart.keeper.keep();
    expect((await fetch(urls[0] ?? '', { method: 'PUT', body: 'late' })).status).toBe(403);
    expect(await statusOf(rig.call(agents.generateCacheUploadURL, { cacheKey: 'd' }))).toBe('OK');
  });
});

describe('whose caches a task sees', () => {
  test.each([
    [{ repository: '', pullRequest: null }, 'repository local/worktree', ['repository local/worktree']],
    [{ repository: 'o/r', pullRequest: null }, 'repository o/r', ['repository o/r']],
    [
      { repository: 'o/r', pullRequest: 7 },
      'repository o/r pull request 7',
      ['repository o/r pull request 7', 'repository o/r'],
    ],
  ])('%j', (build, write, read) => {
    expect(cacheScopesOf(build)).toEqual({ write, read });
  });

  test('a pull request reads those of its repository and cannot change them', async () => {
    await using rig = await ContentRig.start();
    const caches = new Caches(rig.hub.heart.artifacts.desk);
    const branch = cacheScopesOf({ repository: 'o/r', pullRequest: null });
    const own = cacheScopesOf({ repository: 'o/r', pullRequest: 7 });
    const other = cacheScopesOf({ repository: 'o/r', pullRequest: 8 });
    const stranger = cacheScopesOf({ repository: 'o/other', pullRequest: null });
    const put = async (scopes: typeof own, object: string) => {
      await caches.promise(1, scopes, 'k', { kind: 'cache', object, remoteId: null });
      await caches.commit(object, { size: 1, digest: '' });
    };
    const objectOf = async (scopes: typeof own) => (await caches.find(scopes, 'k'))?.object;
    await put(branch, 'aa');
    expect([await objectOf(own), await objectOf(stranger)]).toEqual(['aa', undefined]);
    await put(own, 'bb');
    await caches.remove(own, 'other');
    expect([await objectOf(branch), await objectOf(own), await objectOf(other)]).toEqual(['aa', 'bb', 'aa']);
    expect((await caches.find(branch, '', ['k']))?.object).toBe('aa');
    await caches.remove(own, 'k');
    await caches.remove(own, 'k');
    expect([await objectOf(branch), await objectOf(own)]).toEqual(['aa', 'aa']);
  });
});
