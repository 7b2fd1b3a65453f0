import { expect, test } from 'bun:test';
import { appendFileSync, readdirSync, statSync } from 'node:fs';
import { FileLogs } from '../../../src/hub/logs/file-logs.ts';
import { LogReader } from '../../../src/hub/logs/log-reader.ts';
import { freshBytes } from '../../../src/hub/logs/log-storage.ts';
import { s3Objects } from '../../../src/hub/logs/s3-objects.ts';
import { Database } from '../../../src/hub/store/database.ts';
import { addTail } from '../../../src/hub/store/log-rows.ts';
import { addChunks, setLogState } from '../../../src/hub/store/logs.ts';
import { Secret } from '../../../src/lib/secret.ts';
import { onBothEngines } from '../../support/engines.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeS3 } from '../../support/fake-s3.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { storeBuild } from '../store/store-build.ts';
import { bytes, logScene, piece } from './scene.ts';

test.each([
  ['pieces without a position all count', 3, [{ data: bytes('ab') }, { data: bytes('cd') }], 'abcd'],
  ['what is stored already is left out', 3, [{ data: bytes('abcdef'), position: 0 }], 'def'],
  ['a piece that is stored as a whole is', 9, [{ data: bytes('abc'), position: 2 }, { data: bytes('x') }], 'x'],
  ['a gap is closed up', 3, [{ data: bytes('ab'), position: 7 }], 'ab'],
  ['nothing is nothing', 3, [], ''],
] as const)('%s', (_title, size, pieces, fresh) => {
  expect(new TextDecoder().decode(freshBytes(size, pieces))).toBe(fresh);
});

onBothEngines('stored logs', (engine) => {
  engine.test('are there for who opens them anew, in the order in which they came', async () => {
    await using scene = await logScene(engine);
    const { storage, log } = scene;
    await storage.append([
      { log, pieces: [piece('one '), piece('two ')] },
      { log: { ...log, instruction: 'setup' }, pieces: [piece('first')] },
    ]);
    await storage.append([{ log, pieces: [piece('three')] }]);
    const other = await Database.open(scene.address);
    const reader = new LogReader(other, await scene.open(other));
    expect(await scene.whole(reader)).toBe('one two three');
    const chunks = await reader.chunks(log.buildId, 0);
    expect(
      chunks.map(({ instruction, offset, data }) => [instruction, offset, new TextDecoder().decode(data)]),
    ).toEqual([
      ['main', 0, 'one two '],
      ['setup', 0, 'first'],
      ['main', 8, 'three'],
    ]);
    await other.close();
  });

  engine.test('a copy that took the place of a log is all that is left of it', async () => {
    await using scene = await logScene(engine);
    const { storage, log } = scene;
    await storage.append([{ log, pieces: [piece('streamed')] }]);
    for (const text of ['first copy', 'second']) {
      const copy = storage.beginCopy(log);
      for (const letter of text) await copy.add(bytes(letter));
      await copy.commit();
      expect(await scene.whole()).toBe(text);
    }
    await storage.append([{ log, pieces: [piece('!')] }]);
    expect(await scene.whole()).toBe('second!');
    const empty = storage.beginCopy(log);
    await empty.commit();
    expect(await scene.whole()).toBe('');
    const [chunk] = await scene.reader.chunks(log.buildId, 0);
    expect(chunk).toMatchObject({ replaces: true, offset: 0 });
  });

  if (engine.name === 'sqlite') return;

  engine.test('move out of the database as segments, long ones at once and quiet ones after a while', async () => {
    await using scene = await logScene(engine);
    const { storage, log, segments, clock } = scene;
    const rows = async () => (await scene.store.read((sql) => sql`SELECT size FROM log_tail`)).length;
    const text = 'x'.repeat(1_000_000);
    for (let count = 0; count < 20; count += 1) await storage.append([{ log, pieces: [piece(text)] }]);
    expect(await segments.moveOut()).toBe(3);
    expect(await rows()).toBe(0);
    await storage.append([{ log, pieces: [piece('end')] }]);
    expect(await segments.moveOut()).toBe(0);
    expect((await scene.whole()).length).toBe(20_000_003);
    await clock.advance(61_000);
    expect(await segments.moveOut()).toBe(1);
    expect(await rows()).toBe(0);
    expect((await scene.whole()).endsWith('xend')).toBe(true);
    let [seen, size] = [0, 0];
    for (let step = await scene.reader.chunks(log.buildId, 0); step.length > 0; ) {
      for (const { seq, data } of step) [seen, size] = [seq, size + data.length];
      step = await scene.reader.chunks(log.buildId, seen);
    }
    expect(size).toBe(20_000_003);
  });

  engine.test('two hubs that move the same rows, while more comes in, keep every byte once', async () => {
    await using scene = await logScene(engine);
    const { storage, log, segments } = scene;
    const text = 'y'.repeat(3_000_000);
    for (let count = 0; count < 4; count += 1) await storage.append([{ log, pieces: [piece(text)] }]);
    const moves = [segments.moveOut(), segments.moveOut(), segments.moveOut()];
    await storage.append([{ log, pieces: [piece('end')] }]);
    await Promise.all(moves);
    expect((await scene.whole()).length).toBe(12_000_003);
    const named = await scene.store.read((sql) => sql<{ name: string }[]>`SELECT name FROM log_segments`);
    const files = [...new Bun.Glob('**/*').scanSync({ cwd: `${scene.folder}/objects` })];
    expect(files.sort()).toEqual(named.map(({ name }) => name).sort());
  });

  engine.test(
    'two hubs that take in the same log, as when an agent comes back to another one, keep it whole',
    async () => {
      await using scene = await logScene(engine);
      const { log } = scene;
      const other = await Database.open(scene.address);
      const second = await scene.open(other);
      const whole = 'abcdefghijklmnop';
      const send = (storage: typeof second, from: number, to: number) =>
        storage.append([{ log, pieces: [{ data: bytes(whole.slice(from, to)), position: from }] }]);
      await send(scene.storage, 0, 4);
      await Promise.all([send(scene.storage, 0, 8), send(second, 0, 8)]);
      await send(second, 4, 12);
      await send(scene.storage, 8, 16);
      expect(await scene.whole()).toBe(whole);
      await other.close();
    },
  );
});

test('bytes behind the recorded end, left by a crash, are written over', async () => {
  using folder = tempFolder();
  const store = await Database.open(':memory:');
  const { buildId, taskIds } = await storeBuild(store, [{ name: 'unit' }]);
  const log = { buildId, taskId: taskIds[0] ?? 0, instruction: 'main' };
  const first = await FileLogs.open(store, folder.path, new FakeClock());
  await first.append([{ log, pieces: [piece('acknowledged')] }]);
  await first.close();
  const [file = ''] = [...new Bun.Glob('**/*.log').scanSync({ cwd: folder.path, absolute: true })];
  appendFileSync(file, 'torn and never acknowledged');
  const second = await FileLogs.open(store, folder.path, new FakeClock());
  const reader = new LogReader(store, second);
  const whole = async () => {
    let all = '';
    for await (const part of reader.whole(log)) all += new TextDecoder().decode(part);
    return all;
  };
  expect(await whole()).toBe('acknowledged');
  await second.append([{ log, pieces: [piece(', again')] }]);
  expect(await whole()).toBe('acknowledged, again');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  await second.close();
  await store.close();
});

test('what the database does not take is not there, and the next one goes on', async () => {
  using folder = tempFolder();
  const store = await Database.open(':memory:');
  const { buildId, taskIds } = await storeBuild(store, [{ name: 'unit' }]);
  const log = { buildId, taskId: taskIds[0] ?? 0, instruction: 'main' };
  const logs = await FileLogs.open(store, folder.path, new FakeClock());
  await logs.append([{ log, pieces: [piece('a')] }]);
  const stranger = { ...log, taskId: 77 };
  const both = logs.append([
    { log, pieces: [piece('lost')] },
    { log: stranger, pieces: [piece('x')] },
  ]);
  await expect(both).rejects.toThrow('FOREIGN KEY');
  await logs.append([{ log, pieces: [piece('b')] }]);
  expect(new TextDecoder().decode(await logs.read(log, 0, 0, 100))).toStartWith('ab');
  expect((await store.read((sql) => sql`SELECT size FROM logs`))[0]?.size).toBe(2);
  await logs.close();
  await store.close();
});

test('more logs than files may be open', async () => {
  using folder = tempFolder();
  const store = await Database.open(':memory:');
  const scripts = Array.from({ length: 300 }, (_, number) => `s${number}`);
  const { buildId, taskIds } = await storeBuild(store, [{ name: 'unit', scripts }]);
  const logs = await FileLogs.open(store, folder.path, new FakeClock());
  const log = (instruction: string) => ({ buildId, taskId: taskIds[0] ?? 0, instruction });
  for (const text of ['a', 'b']) {
    await logs.append(scripts.map((instruction) => ({ log: log(instruction), pieces: [piece(text)] })));
    expect(readdirSync('/dev/fd').length).toBeLessThan(250);
  }
  expect(new TextDecoder().decode(await logs.read(log('s7'), 0, 0, 9))).toBe('ab');
  await logs.close();
  await store.close();
});

test('what an older version kept in rows moves into files', async () => {
  using folder = tempFolder();
  const store = await Database.open(':memory:');
  const { buildId, taskIds } = await storeBuild(store, [{ name: 'unit', scripts: ['setup', 'main'] }]);
  for (const instruction of ['setup', 'main']) {
    const log = { buildId, taskId: taskIds[0] ?? 0, instruction };
    await store.write(async (sql) => {
      await addTail(sql, log, 0, bytes('old '));
      await addTail(sql, log, 4, bytes('log'));
      await addChunks(sql, log, 0, 7);
      await setLogState(sql, log, { size: 7, generation: 0 }, 0);
    });
  }
  const logs = await FileLogs.open(store, folder.path, new FakeClock());
  const log = { buildId, taskId: taskIds[0] ?? 0, instruction: 'main' };
  expect(new TextDecoder().decode(await logs.read(log, 0, 0, 7))).toBe('old log');
  expect(await store.read((sql) => sql`SELECT size FROM log_tail`)).toHaveLength(0);
  await logs.close();
  await store.close();
});

test('parts of logs in a bucket: any range of them, until they are removed', async () => {
  await using s3 = new FakeS3();
  const place = { endpoint: s3.url, region: 'us-east-1', bucket: s3.bucket, prefix: 'team/' };
  const objects = s3Objects({ place, credentials: { accessKeyId: 'access', secretAccessKey: new Secret('key') } });
  await objects.put('logs/001/1001/0-abc', bytes('a part of a log'));
  expect([...s3.objects.keys()]).toEqual(['team/logs/001/1001/0-abc']);
  expect(new TextDecoder().decode(await objects.read('logs/001/1001/0-abc', 2, 6))).toBe('part');
  expect(await objects.read('logs/001/1001/missing', 0, 4)).toHaveLength(0);
  await objects.remove(['logs/001/1001/0-abc', 'logs/001/1001/missing']);
  expect(s3.objects.size).toBe(0);
  s3.broken = 503;
  await expect(objects.put('logs/x', bytes('x'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});
