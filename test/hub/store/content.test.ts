import { expect } from 'bun:test';
import { UrlKeys } from '../../../src/hub/blobs/url-keys.ts';
import {
  addAnnotations,
  addNote,
  agentLogOf,
  agentReportOf,
  dropAgentReports,
  MAX_ANNOTATIONS,
  saveAgentLog,
  saveSummary,
} from '../../../src/hub/store/agent-reports.ts';
import {
  artifactTotals,
  dropArtifactsOf,
  findArtifact,
  listArtifactRecords,
  putArtifact,
} from '../../../src/hub/store/artifacts.ts';
import {
  findCache,
  idlestCaches,
  newestCache,
  putCache,
  removeCache,
  totalCacheBytes,
  touchCache,
} from '../../../src/hub/store/caches.ts';
import { artifactUploads, expiredUploads, openUploads, uploadsTo } from '../../../src/hub/store/upload-lists.ts';
import {
  doomBlobs,
  dueBlobs,
  forgetDoomed,
  isBlobKnown,
  partsOf,
  savePart,
} from '../../../src/hub/store/upload-parts.ts';
import {
  addUpload,
  artifactUploadBytes,
  countUploads,
  dropUpload,
  findUpload,
  markStored,
  replaceArtifactUpload,
} from '../../../src/hub/store/uploads.ts';
import { onBothEngines } from '../../support/engines.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const DAY_MS = 86_400_000;

onBothEngines('what is known of content', (engine) => {
  engine.test('caches: exact, by prefix, newest first, first scope first; what is replaced is doomed', async () => {
    await using made = await engine.open();
    const entry = (scope: string, key: string, at: number) => ({
      ...{ scope, key, object: `${scope}${key}${at}`, size: 3_000_000_000, digest: 'd', taskId: 2 ** 53 - 1 },
      ...{ createdMs: at, usedMs: at },
    });
    await made.store.write(async (sql) => {
      await putCache(sql, entry('base', 'go-1', 1), 0);
      await putCache(sql, entry('base', 'go-2', 2), 0);
      await putCache(sql, entry('pr', 'go-0', 3), 0);
      await putCache(sql, entry('base', 'GO-9', 4), 0);
    });
    const ask = <T>(run: Parameters<typeof made.store.read<T>>[0]) => made.store.read(run);
    expect(await ask((sql) => findCache(sql, ['pr', 'base'], 'go-1'))).toEqual(entry('base', 'go-1', 1));
    expect((await ask((sql) => newestCache(sql, ['base'], 'go-')))?.key).toBe('go-2');
    expect((await ask((sql) => newestCache(sql, ['pr', 'base'], 'go-')))?.key).toBe('go-0');
    expect(await ask((sql) => newestCache(sql, ['base'], 'g_-'))).toBeUndefined();
    expect(await ask(totalCacheBytes)).toBe(12_000_000_000);
    await made.store.write((sql) => touchCache(sql, 'basego-11', 10));
    expect((await ask((sql) => idlestCaches(sql, 2))).map(({ key }) => key)).toEqual(['go-2', 'go-0']);
    await made.store.write((sql) => putCache(sql, entry('base', 'go-1', 5), 70));
    await made.store.write((sql) => removeCache(sql, 'base', 'go-2', 80));
    expect(await ask((sql) => dueBlobs(sql, 79, 10))).toEqual(['basego-11']);
    expect(await ask((sql) => dueBlobs(sql, 80, 10))).toEqual(['basego-11', 'basego-22']);
    expect(await ask((sql) => isBlobKnown(sql, 'basego-22'))).toBe(true);
    await made.store.write((sql) => forgetDoomed(sql, 'basego-22'));
    expect(await ask((sql) => isBlobKnown(sql, 'basego-22'))).toBe(false);
  });

  engine.test('uploads: promises, parts, ends', async () => {
    await using made = await engine.open();
    const base = { taskId: 7, scope: 's', maxSize: 100, remoteId: null };
    const ask = <T>(run: Parameters<typeof made.store.read<T>>[0]) => made.store.read(run);
    await made.store.write(async (sql) => {
      await addUpload(sql, { ...base, object: 'a', kind: 'cache', name: 'k', expiresMs: 10 });
      await addUpload(sql, { ...base, object: 'b', kind: 'multipart', name: 'k', expiresMs: 20 });
      await replaceArtifactUpload(sql, { ...base, object: 'c', kind: 'artifact', name: 'p', expiresMs: 30 }, 5);
      await replaceArtifactUpload(sql, { ...base, object: 'd', kind: 'artifact', name: 'p', expiresMs: 40 }, 5);
      await replaceArtifactUpload(sql, { ...base, object: 'e', kind: 'artifact', name: 'q', expiresMs: 40 }, 5);
      await markStored(sql, 'e', 60, 'digest');
      await savePart(sql, 'b', { part: 2, size: 5, etag: 'x' });
      await savePart(sql, 'b', { part: 1, size: 5, etag: 'y' });
      await savePart(sql, 'b', { part: 2, size: 6, etag: 'z' });
    });
    expect((await ask((sql) => uploadsTo(sql, 'cache', 's', 'k'))).map(({ object }) => object)).toEqual(['a']);
    expect((await ask((sql) => openUploads(sql, 'multipart', 9))).map(({ object }) => object)).toEqual(['b']);
    expect((await ask((sql) => expiredUploads(sql, 20, 9))).map(({ object }) => object)).toEqual(['a', 'b']);
    expect((await ask((sql) => artifactUploads(sql, 7, 's'))).get('p')?.object).toBe('d');
    expect(await ask((sql) => dueBlobs(sql, 5, 9))).toEqual(['c']);
    expect(await ask((sql) => countUploads(sql, 7))).toBe(4);
    expect(await ask((sql) => artifactUploadBytes(sql, 7, { name: 's', paths: ['none'] }))).toBe(160);
    expect(await ask((sql) => artifactUploadBytes(sql, 7, { name: 's', paths: ['p', 'r'] }))).toBe(60);
    expect(await ask((sql) => findUpload(sql, 'e'))).toMatchObject({
      storedSize: 60,
      digest: 'digest',
      remoteId: null,
    });
    expect(await ask((sql) => partsOf(sql, 'b'))).toEqual([
      { part: 1, size: 5, etag: 'y' },
      { part: 2, size: 6, etag: 'z' },
    ]);
    await made.store.write((sql) => dropUpload(sql, 'b'));
    expect([await ask((sql) => findUpload(sql, 'b')), await ask((sql) => partsOf(sql, 'b'))]).toEqual([undefined, []]);
    await made.store.write((sql) => doomBlobs(sql, ['c', 'x'], 1));
    expect(await ask((sql) => dueBlobs(sql, 5, 9))).toEqual(['x', 'c']);
  });

  engine.test('artifacts: in order, in steps, replaced, dropped with their task', async () => {
    await using made = await engine.open();
    const file = (name: string, path: string, object: string) => ({
      ...{ taskId: 7, name, path, type: 't', format: 'f', object, size: 5, digest: 'd', createdMs: 1 },
    });
    const ask = <T>(run: Parameters<typeof made.store.read<T>>[0]) => made.store.read(run);
    await made.store.write(async (sql) => {
      await putArtifact(sql, file('n', 'b', '1'), 0);
      await putArtifact(sql, file('n', 'a', '2'), 0);
      await putArtifact(sql, file('m', 'z', '3'), 0);
      await putArtifact(sql, file('n', 'b', '4'), 9);
    });
    const list = async (limit: number, after?: { name: string; path: string }) =>
      (await ask((sql) => listArtifactRecords(sql, 7, limit, after))).map(({ object }) => object);
    expect(await list(9)).toEqual(['3', '2', '4']);
    expect(await list(2)).toEqual(['3', '2']);
    expect(await list(9, { name: 'n', path: 'a' })).toEqual(['4']);
    expect(await ask((sql) => findArtifact(sql, 7, 'n', 'b'))).toEqual(file('n', 'b', '4'));
    expect(await ask((sql) => artifactTotals(sql, 7, { name: 'n', paths: ['a', 'c'] }))).toEqual({
      files: 2,
      bytes: 10,
    });
    expect(await ask((sql) => artifactTotals(sql, 8, { name: 'n', paths: ['a'] }))).toEqual({ files: 0, bytes: 0 });
    await made.store.write((sql) => dropArtifactsOf(sql, 7, 3));
    expect(await list(9)).toEqual([]);
    expect(await ask((sql) => dueBlobs(sql, 9, 9))).toHaveLength(4);
  });

  engine.test('keys of addresses are shared by hubs, replaced after a week, forgotten after two', async () => {
    await using made = await engine.open();
    const clock = new FakeClock();
    const [one, two] = [new UrlKeys(made.store, clock), new UrlKeys(made.store, clock)];
    const first = await one.current();
    expect(await two.current()).toEqual(first);
    expect(await one.current()).toEqual(first);
    clock.stepWall(7 * DAY_MS);
    const second = await two.current();
    expect(second.id).not.toBe(first.id);
    expect(await one.find(second.id)).toEqual(second);
    expect(await two.find(first.id)).toEqual(first);
    clock.stepWall(7 * DAY_MS + 1);
    await one.current();
    const fresh = new UrlKeys(made.store, clock);
    expect(await fresh.find(first.id)).toBeUndefined();
    expect(await fresh.find("' OR 1=1")).toBeUndefined();
  });

  engine.test('reports of agents are kept once, and within bounds', async () => {
    await using made = await engine.open();
    const annotation = (message: string) => ({
      ...({
        type: 'GENERIC',
        level: 'FAILURE',
        message,
        rawDetails: '',
        fullyQualifiedName: '',
        location: null,
      } as const),
    });
    const many = Array.from({ length: MAX_ANNOTATIONS + 5 }, (_, n) => annotation(`a${n}`));
    await made.store.write(async (sql) => {
      for (const part of [many.slice(0, 3), many.slice(0, 3), many]) await addAnnotations(sql, 7, part);
      for (let n = 0; n < 205; n += 1) await addNote(sql, 7, { kind: 'warning', message: `w${n}`, detail: '' }, n);
      await saveAgentLog(sql, 7, new Uint8Array([1, 0, 255]));
      await saveSummary(sql, 7, [], null, 5);
      const attempt = { key: 'k', outcome: 'hit', error: '', sizeBytes: 1, durationsMs: { download: 2 } } as const;
      await saveSummary(sql, 7, [attempt], { cpu: [[1, 0.5]], memory: [], cpuTotal: 2, memoryTotalBytes: 3 }, 6);
    });
    const report = await made.store.read((sql) => agentReportOf(sql, 7));
    expect([report.annotations.length, report.annotationsCut, report.notes.length]).toEqual([
      MAX_ANNOTATIONS,
      true,
      200,
    ]);
    expect(report.annotations.slice(0, 4).map(({ message }) => message)).toEqual(['a0', 'a1', 'a2', 'a3']);
    expect(report.notes[1]).toEqual({ kind: 'warning', at: '1970-01-01T00:00:00.001Z', message: 'w1', detail: '' });
    expect(report.cacheAttempts).toMatchObject([{ key: 'k', durationsMs: { download: 2 } }]);
    expect(report.utilization?.cpu).toEqual([[1, 0.5]]);
    expect([...((await made.store.read((sql) => agentLogOf(sql, 7))) ?? [])]).toEqual([1, 0, 255]);
    await made.store.write((sql) => dropAgentReports(sql, 7));
    expect(await made.store.read((sql) => agentReportOf(sql, 7))).toMatchObject({
      annotations: [],
      notes: [],
      utilization: null,
    });
  });
});
