import { expect, test } from 'bun:test';
import { folderObjects } from '../../../src/hub/logs/object-store.ts';
import { connectTo } from '../../../src/hub/store/connection.ts';
import { OTHER_TASK_TABLES, TASK_ROWS } from '../../../src/hub/store/forget-builds.ts';
import { BACKUP_LEASE, takeLease } from '../../../src/hub/store/hubs.ts';
import { migrate } from '../../../src/hub/store/migrate.ts';
import { MIGRATIONS } from '../../../src/hub/store/migrations.ts';
import { checkHub } from '../../../src/hub/upkeep/check-hub.ts';
import { Retention, type RetentionLimits } from '../../../src/hub/upkeep/retention.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { quietLogger } from '../../support/quiet-logger.ts';
import { logScene, piece } from '../logs/scene.ts';
import { storeBuild } from '../store/store-build.ts';

const NEVER = new AbortController().signal;
const DAY_MS = 24 * 3_600_000;
const ALL: RetentionLimits = { buildsMs: 0, logsMs: 0, logBytes: 0 };

async function scene(engine: Engine) {
  const made = await logScene(engine);
  const { store, clock, storage } = made;
  const revisions: string[] = [];
  const source = {
    removeOldTrees: async (isNeeded: (treeId: string) => Promise<boolean>) => ((await isNeeded('tree')) ? 0 : 1),
    removeRevisions: async (builds: readonly { revision: string }[]) =>
      void revisions.push(...builds.map(({ revision }) => revision)),
  };
  /** A build with a log of `size` bytes that ended `agoMs` ago, or has not ended. */
  const build = async (buildId: number, agoMs: number | undefined, size: number) => {
    const { taskIds } = await storeBuild(store, [{ name: 'unit' }, { name: 'more', needs: ['unit'] }], buildId);
    const log = { buildId, taskId: taskIds[0] ?? 0, instruction: 'main' };
    await storage.append([{ log, pieces: [piece('x'.repeat(size))] }]);
    if (agoMs === undefined) return;
    const endMs = clock.wallMs() - agoMs;
    await store.write(async (sql) => {
      await sql`UPDATE tasks SET status = ${'COMPLETED'}, finished_ms = ${endMs} WHERE build_id = ${buildId}`;
      await sql`UPDATE builds SET status = ${'COMPLETED'}, finished_ms = ${endMs} WHERE id = ${buildId}`;
    });
  };
  const remove = (limits: Partial<RetentionLimits>) =>
    new Retention({ store, logs: storage, source, clock, log: quietLogger().log }, { ...ALL, ...limits }).removeOld(
      NEVER,
    );
  const ids = (table: 'builds' | 'logs') =>
    store.read(async (sql) =>
      table === 'builds'
        ? (await sql<{ id: number }[]>`SELECT id FROM builds WHERE id > 5000 ORDER BY id`).map(({ id }) => id)
        : (await sql<{ id: number }[]>`SELECT task_id AS id FROM logs ORDER BY task_id`).map(({ id }) => id - 1),
    );
  return { ...made, build, remove, ids, revisions, [Symbol.asyncDispose]: () => made[Symbol.asyncDispose]() };
}

onBothEngines('what is kept', (engine) => {
  engine.test('builds that ended long ago go with all that belongs to them; what runs stays, however old', async () => {
    await using the = await scene(engine);
    await the.build(10_000, 91 * DAY_MS, 5);
    await the.build(20_000, 89 * DAY_MS, 5);
    await the.build(30_000, undefined, 5);
    expect(await the.remove({ buildsMs: 90 * DAY_MS })).toMatchObject({ builds: 1, buildsWithoutLogs: 0, trees: 0 });
    expect(await the.ids('builds')).toEqual([20_000, 30_000]);
    expect(await the.ids('logs')).toEqual([20_000, 30_000]);
    expect(the.revisions).toEqual([]); // the others are of the same revision
  });

  engine.test('logs go before their builds do', async () => {
    await using the = await scene(engine);
    await the.build(10_000, 31 * DAY_MS, 5);
    await the.build(20_000, 29 * DAY_MS, 5);
    expect(await the.remove({ logsMs: 30 * DAY_MS })).toMatchObject({ builds: 0, buildsWithoutLogs: 1 });
    expect(await the.ids('builds')).toEqual([10_000, 20_000]);
    expect(await the.ids('logs')).toEqual([20_000]);
    if (engine.name === 'sqlite') {
      expect([...new Bun.Glob('**/*.log').scanSync({ cwd: `${the.folder}/logs` })]).toEqual(['001/20001/0-0.log']);
    }
  });

  engine.test('beyond the size of all logs, those of the oldest builds go, and no more than needed', async () => {
    await using the = await scene(engine);
    await the.build(10_000, DAY_MS, 60);
    await the.build(20_000, DAY_MS, 60);
    await the.build(30_000, DAY_MS, 60);
    await the.build(40_000, undefined, 60);
    expect(await the.remove({ logBytes: 130 })).toMatchObject({ buildsWithoutLogs: 2 });
    expect(await the.ids('logs')).toEqual([30_000, 40_000]);
    expect(await the.remove({ logBytes: 1 })).toMatchObject({ buildsWithoutLogs: 1 });
    expect(await the.ids('logs')).toEqual([40_000]);
  });

  engine.test('a stream that dripped for hours leaves few rows, and every byte in its place', async () => {
    await using the = await scene(engine);
    await the.build(10_000, DAY_MS, 3);
    const log = { buildId: 10_000, taskId: 10_001, instruction: 'main' };
    for (let line = 0; line < 50; line += 1) await the.storage.append([{ log, pieces: [piece(`line ${line}\n`)] }]);
    const whole = async () => {
      const chunks = await the.reader.chunks(10_000, 0);
      const text = chunks.map(({ data }) => new TextDecoder().decode(data)).join('');
      return { rows: chunks.length, text, last: chunks.at(-1)?.seq };
    };
    const before = await whole();
    expect(before.rows).toBe(51);
    await the.remove({});
    expect(await whole()).toEqual({ ...before, rows: 1 });
    const report = await checkHub(the.store, {
      logFolder: `${the.folder}/logs`,
      objects: folderObjects(`${the.folder}/objects`),
    });
    expect(report.problems.filter(({ kind }) => kind.startsWith('log'))).toEqual([]);
  });

  engine.test('nothing is removed while a backup is being made', async () => {
    await using the = await scene(engine);
    await the.build(10_000, 91 * DAY_MS, 5);
    const lease = { name: BACKUP_LEASE, holder: 'x', untilMs: Number.MAX_SAFE_INTEGER };
    await the.store.write((sql) => takeLease(sql, lease, 0));
    expect(await the.remove({ buildsMs: 1, logsMs: 1, logBytes: 1 })).toMatchObject({
      builds: 0,
      buildsWithoutLogs: 0,
    });
    expect(await the.ids('builds')).toEqual([10_000]);
  });
});

test('every table that speaks of tasks is known to what forgets them', async () => {
  const connection = await connectTo(':memory:');
  await migrate(connection, MIGRATIONS);
  const rows = await connection.read(
    (sql) => sql<{ name: string; column: string }[]>`
      SELECT m.name, p.name AS "column" FROM sqlite_master m, pragma_table_info(m.name) p
      WHERE m.type = 'table' AND p.name IN ('task_id', 'needs_id')`,
  );
  await connection.close();
  const known = TASK_ROWS.map(([table, column]) => `${table}.${column}`);
  const found = rows
    .filter(({ name }) => !OTHER_TASK_TABLES.includes(name))
    .map(({ name, column }) => `${name}.${column}`);
  expect(found.sort()).toEqual([...known].sort());
});
