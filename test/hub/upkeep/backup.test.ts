import { expect, test } from 'bun:test';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { folderObjects } from '../../../src/hub/logs/object-store.ts';
import { Database } from '../../../src/hub/store/database.ts';
import { type DumpLine, dump } from '../../../src/hub/store/dump.ts';
import { BACKUP_LEASE, takeLease } from '../../../src/hub/store/hubs.ts';
import { backUp } from '../../../src/hub/upkeep/backup.ts';
import { checkHub } from '../../../src/hub/upkeep/check-hub.ts';
import { restore } from '../../../src/hub/upkeep/restore.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { logScene, piece } from '../logs/scene.ts';

const deps = { clock: systemClock, version: '1.2.3' };

const rowsOf = (store: Database) =>
  store.snapshot(async (sql) => {
    const lines: DumpLine[] = [];
    for await (const line of dump(sql, store.dialect)) lines.push(line);
    return lines;
  });

/** Rows that tell of the backup itself. */
const withoutLease = (lines: readonly DumpLine[]) => lines.filter((line) => !JSON.stringify(line).includes('"backup"'));

async function scene(engine: Engine) {
  const made = await logScene(engine);
  await made.store.write((sql) => sql`UPDATE tasks SET status = ${'TRIGGERED'}, hold = ${'lock'}`);
  await made.storage.append([{ log: made.log, pieces: [piece('some words')] }]);
  writeFileSync(`${made.folder}/registration-token`, 'secret', { mode: 0o600 });
  writeFileSync(`${made.folder}/hub.lock`, '');
  const stores = {
    store: await Database.openExisting(made.address),
    leases: await Database.openExisting(made.address),
  };
  const target = tempFolder();
  const database = async () => (engine.name === 'postgres' ? await engine.empty() : undefined);
  const end = async () => {
    for (const store of Object.values(stores)) await store.close();
    await made[Symbol.asyncDispose]();
    target[Symbol.dispose]();
  };
  return { ...made, stores, target: target.path, database, [Symbol.asyncDispose]: end };
}

onBothEngines('a backup', (engine) => {
  engine.test('brings back every row and file, in a hub that checks clean and goes on', async () => {
    await using the = await scene(engine);
    const destination = `${the.target}/monday`;
    const about = await backUp(the.stores, { dataFolder: the.folder }, destination, deps);
    expect(about).toMatchObject({ engine: engine.name, pwagent: '1.2.3' });
    expect(statSync(destination).mode & 0o777).toBe(0o700);
    const database = await the.database();
    const dataFolder = `${the.target}/hub`;
    await restore(destination, { dataFolder, database });
    const restored = await Database.openExisting(database ?? `${dataFolder}/hub.db`);
    expect(withoutLease(await rowsOf(restored))).toEqual(await rowsOf(the.store));
    const places = { logFolder: `${dataFolder}/logs`, objects: folderObjects(`${dataFolder}/objects`) };
    expect(await checkHub(restored, places)).toMatchObject({ problems: [], leftovers: [], checked: { logBytes: 10 } });
    expect(readdirSync(dataFolder)).toContain('registration-token');
    expect(existsSync(`${dataFolder}/hub.lock`)).toBe(false);
    // what numbers its rows by itself goes on behind the rows that came
    await restored.write((sql) => sql`INSERT INTO decisions (at_ms, kind, reason) VALUES (1, 'lost', 'x')`);
    await restored.write(
      (sql) => sql`
        INSERT INTO log_chunks (build_id, task_id, instruction, start_byte, size, replaces) VALUES (1, 2, 'x', 0, 0, 0)`,
    );
    await restored.close();
  });

  engine.test('is of one moment, however much is written meanwhile', async () => {
    await using the = await scene(engine);
    let writing = true;
    const writer = (async () => {
      while (writing) {
        await the.storage.append([{ log: the.log, pieces: [piece('more')] }]);
        const copy = the.storage.beginCopy(the.log);
        await copy.add(piece('a copy').data);
        await copy.commit();
      }
    })();
    const database = await the.database();
    const dataFolder = `${the.target}/hub`;
    await backUp(the.stores, { dataFolder: the.folder }, `${the.target}/monday`, deps);
    writing = false;
    await writer;
    await restore(`${the.target}/monday`, { dataFolder, database });
    const restored = await Database.openExisting(database ?? `${dataFolder}/hub.db`);
    const places = { logFolder: `${dataFolder}/logs`, objects: folderObjects(`${dataFolder}/objects`) };
    expect((await checkHub(restored, places)).problems).toEqual([]);
    await restored.close();
  });

  engine.test('does not replace anything, and is made by one at a time', async () => {
    await using the = await scene(engine);
    const destination = `${the.target}/monday`;
    await backUp(the.stores, { dataFolder: the.folder }, destination, deps);
    const again = backUp(the.stores, { dataFolder: the.folder }, destination, deps);
    await expect(again).rejects.toMatchObject({ code: 'CONFIG', message: expect.stringContaining('is there already') });
    const over = restore(destination, { dataFolder: the.folder, database: await the.database() });
    await expect(over).rejects.toMatchObject({ code: 'CONFIG', message: expect.stringContaining('is there already') });
    if (engine.name === 'postgres') {
      const used = restore(destination, { dataFolder: `${the.target}/new`, database: the.address });
      await expect(used).rejects.toMatchObject({ code: 'CONFIG', message: expect.stringContaining('not empty') });
    }
    const lease = { name: BACKUP_LEASE, holder: 'another', untilMs: Number.MAX_SAFE_INTEGER };
    await the.store.write((sql) => takeLease(sql, lease, 0));
    const second = backUp(the.stores, { dataFolder: the.folder }, `${the.target}/tuesday`, deps);
    await expect(second).rejects.toMatchObject({ code: 'TEMPORARY' });
    expect(readdirSync(the.target)).toEqual(['monday']);
  });
});

test('what is no backup, or a torn one, is refused and leaves nothing', async () => {
  using folder = tempFolder();
  const dataFolder = `${folder.path}/hub`;
  await expect(restore(folder.path, { dataFolder })).rejects.toMatchObject({ code: 'CONFIG' });
  const about = { format: 1, pwagent: '1', createdAt: '', engine: 'sqlite', steps: [1], rows: 7, files: 0, bytes: 0 };
  await Bun.write(`${folder.path}/b/backup.json`, JSON.stringify(about));
  await Bun.write(`${folder.path}/b/data/x`, '');
  await Bun.write(`${folder.path}/b/database.jsonl`, '');
  const torn = restore(`${folder.path}/b`, { dataFolder });
  await expect(torn).rejects.toMatchObject({ code: 'CONFIG', message: expect.stringContaining('lacks rows') });
  await Bun.write(`${folder.path}/b/backup.json`, JSON.stringify({ ...about, steps: [1, 9999] }));
  const newer = restore(`${folder.path}/b`, { dataFolder });
  await expect(newer).rejects.toMatchObject({ code: 'CONFIG', message: expect.stringContaining('newer pwagent') });
  expect(readdirSync(folder.path)).toEqual(['b']);
});
