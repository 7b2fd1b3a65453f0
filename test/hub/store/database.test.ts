import { expect, test } from 'bun:test';
import { connectTo } from '../../../src/hub/store/connection.ts';
import { Database } from '../../../src/hub/store/database.ts';
import { migrate } from '../../../src/hub/store/migrate.ts';
import type { Migration } from '../../../src/hub/store/migration.ts';
import { beginning } from '../../../src/hub/store/migrations/001-beginning.ts';
import { MIGRATIONS } from '../../../src/hub/store/migrations.ts';
import { describeError } from '../../../src/lib/errors.ts';
import { freePort } from '../../../src/platform/free-port.ts';
import { spawn } from '../../../src/platform/processes.ts';
import { selfCommand } from '../../../src/platform/self.ts';
import { onBothEngines } from '../../support/engines.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const count = (store: Database) =>
  store.read(async (sql) => (await sql<{ n: number }[]>`SELECT COUNT(*) AS n FROM tokens`)[0]?.n);
const add = (sql: Parameters<Parameters<Database['write']>[0]>[0], hash: string) =>
  sql`INSERT INTO tokens (id, hash, role, note, created_ms) VALUES (${hash}, ${hash}, ${'read'}, ${''}, 1)`;

onBothEngines('the store', (engine) => {
  engine.test('what a failed transaction wrote is gone, and the next one works', async () => {
    await using made = await engine.open();
    const { store } = made;
    const failing = store.write(async (sql) => {
      await add(sql, 'a');
      throw new Error('boom');
    });
    await expect(failing).rejects.toThrow('boom');
    await store.write((sql) => add(sql, 'b'));
    expect(await count(store)).toBe(1);
  });

  engine.test('nobody sees, or lands in, a transaction that is open', async () => {
    await using made = await engine.open();
    const { store } = made;
    const gate = Promise.withResolvers<void>();
    const inside = Promise.withResolvers<void>();
    const open = store.write(async (sql) => {
      await add(sql, 'a');
      inside.resolve();
      await gate.promise;
      throw new Error('rolled back');
    });
    await inside.promise;
    const seen = count(store);
    const other = store.write((sql) => add(sql, 'b'));
    await Promise.resolve();
    gate.resolve();
    await expect(open).rejects.toThrow('rolled back');
    expect(await seen).toBe(0);
    await other;
    expect(await count(store)).toBe(1);
  });

  engine.test('values come back as they were stored: large numbers, bytes, flags, nothing', async () => {
    await using made = await engine.open();
    const id = 2 ** 53 - 1;
    const bytes = new Uint8Array([0, 1, 255]);
    const found = await made.store.write(async (sql) => {
      await sql`CREATE TABLE things (id BIGINT PRIMARY KEY, ${sql.unsafe(`data ${made.store.dialect.blob}`)}, note TEXT)`;
      await sql`INSERT INTO things ${sql({ id, data: bytes, note: null })}`;
      const where = sql`WHERE id > ${1_763_770_000_000}`;
      return sql`SELECT id, data, note, COUNT(*) OVER () AS n, SUM(id) OVER () AS total FROM things ${where}`;
    });
    expect([...found]).toEqual([{ id, data: expect.anything(), note: null, n: 1, total: id }]);
    expect(new Uint8Array(found[0].data)).toEqual(bytes);
  });

  if (engine.name === 'postgres') {
    engine.test('writers of two processes take turns: none decides on what another is changing', async () => {
      await using made = await engine.open();
      const others = [made.store, await Database.open(made.address), await Database.open(made.address)];
      await made.store.write((sql) => add(sql, 'sum'));
      const increment = (store: Database) =>
        store.write(async (sql) => {
          const [row] = await sql<{ n: number }[]>`SELECT created_ms AS n FROM tokens WHERE hash = ${'sum'}`;
          await sql`UPDATE tokens SET created_ms = ${(row?.n ?? 0) + 1} WHERE hash = ${'sum'}`;
        });
      await Promise.all(Array.from({ length: 30 }, (_, turn) => increment(others[turn % 3] as Database)));
      const [row] = await made.store.read((sql) => sql<{ n: number }[]>`SELECT created_ms AS n FROM tokens`);
      expect(row?.n).toBe(31);
      for (const store of others.slice(1)) await store.close();
    });
  }

  engine.test('is opened again as it was; one of a newer version is refused with the remedy', async () => {
    await using made = await engine.open();
    await made.store.write((sql) => add(sql, 'a'));
    const second = await Database.open(made.address);
    expect(await count(second)).toBe(1);
    await second.write((sql) => sql`INSERT INTO schema_migrations (number) VALUES (9999)`);
    await second.close();
    await expect(Database.open(made.address)).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining('schema 9999'),
      hint: expect.stringContaining('newer pwagent'),
    });
  });

  engine.test('steps that come later under smaller numbers are made up for', async () => {
    await using made = await engine.open();
    await made.store.write(async (sql) => {
      await sql`DROP TABLE supervisors`;
      await sql`CREATE TABLE supervisors (worker_name TEXT PRIMARY KEY)`;
    });
    await made.store.write((sql) => sql`DELETE FROM schema_migrations`);
    await expect(Database.open(made.address)).rejects.toMatchObject({ code: 'CONFIG' }); // its tables are there already
    const connection = await connectTo(made.address);
    const step = (number: number): Migration => ({
      number,
      statements: () => [`CREATE TABLE step${number} (id BIGINT)`],
    });
    await migrate(connection, [step(2), step(9)]);
    await migrate(connection, [step(2), step(5), step(9)]);
    const numbers = await connection.read((sql) => sql<{ number: number }[]>`SELECT number FROM schema_migrations`);
    expect(numbers.map(({ number }) => number).sort()).toEqual([2, 5, 9]);
    await connection.close();
  });
});

test('every file of a step is in the list, under its own number, in order', () => {
  const folder = `${import.meta.dir}/../../../src/hub/store/migrations`;
  const files = [...new Bun.Glob('*.ts').scanSync({ cwd: folder })].sort();
  expect(MIGRATIONS.map(({ number }) => number)).toEqual(files.map((name) => Number(name.slice(0, 3))));
});

test('a file of the first version is taken over', async () => {
  using folder = tempFolder();
  const path = `${folder.path}/hub.db`;
  const old = await connectTo(path);
  await migrate(old, [beginning]);
  await old.write(async (sql) => {
    await sql`DROP TABLE schema_migrations`;
    await sql`CREATE TABLE schema_version (version BIGINT NOT NULL)`;
    await sql`INSERT INTO schema_version (version) VALUES (1)`;
    await sql`INSERT INTO api_tokens (hash, role, created_ms) VALUES (${'a'.repeat(64)}, ${'read'}, 1)`;
  });
  await old.close();
  const store = await Database.open(path);
  expect(await count(store)).toBe(1);
  await store.close();
});

test('what is no database, and a server that is away, are told with the remedy and without a password', async () => {
  using folder = tempFolder();
  await Bun.write(`${folder.path}/text.db`, 'not a database at all, and long enough to look like a page of one');
  await expect(Database.open(`${folder.path}/text.db`)).rejects.toMatchObject({ code: 'CONFIG' });
  const port = await freePort(0);
  const away = Database.open(`postgres://hub:s3cr3t@127.0.0.1:${port}/hub`);
  const error = await away.then(String, (thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining(`127.0.0.1:${port}/hub`) });
  expect(describeError(error)).not.toContain('s3cr3t');
});

test('what was acknowledged outlives a kill, whole transactions or nothing', async () => {
  using folder = tempFolder();
  const path = `${folder.path}/hub.db`;
  const script = `
    import { Database } from ${JSON.stringify(`${import.meta.dir}/../../../src/hub/store/database.ts`)};
    const store = await Database.open(${JSON.stringify(path)});
    for (let number = 0; ; number += 1) {
      await store.write(async (sql) => {
        for (const half of ['left', 'right'])
          await sql\`INSERT INTO tokens (id, hash, role, note, created_ms)
            VALUES (\${half + number}, \${half + number}, \${half}, '', \${number})\`;
      });
      process.stdout.write(number + '\\n');
    }`;
  const [bun = ''] = selfCommand();
  const child = await spawn({ argv: [bun, '-e', script], env: { PATH: process.env.PATH ?? '' }, stdout: 'pipe' });
  let acknowledged = -1;
  try {
    for await (const data of child.stdout ?? []) {
      const lines = String(data).trim().split('\n');
      acknowledged = Math.max(acknowledged, Number(lines.at(-1)));
      if (acknowledged >= 20) break;
    }
  } finally {
    child.signal('SIGKILL');
    await child.exited;
  }
  const store = await Database.open(path);
  const rows = await store.read(
    (sql) => sql<{ role: string; n: number; last: number }[]>`
    SELECT role, COUNT(*) AS n, MAX(created_ms) AS last FROM tokens GROUP BY role ORDER BY role`,
  );
  await store.close();
  const [left, right] = rows;
  expect(left?.n).toBe(right?.n as number);
  expect(left?.last).toBeGreaterThanOrEqual(20);
  expect(left?.n).toBe((left?.last ?? 0) + 1);
});
