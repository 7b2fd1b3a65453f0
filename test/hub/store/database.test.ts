import { expect, test } from 'bun:test';
import { Database } from '../../../src/hub/store/database.ts';
import { spawn } from '../../../src/platform/processes.ts';
import { selfCommand } from '../../../src/platform/self.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const count = (store: Database) =>
  store.read(async (sql) => (await sql<{ n: number }[]>`SELECT COUNT(*) AS n FROM api_tokens`)[0]?.n);
const add = (sql: Parameters<Parameters<Database['write']>[0]>[0], hash: string) =>
  sql`INSERT INTO api_tokens (hash, role, created_ms) VALUES (${hash}, ${'read'}, 1)`;

test('what a failed transaction wrote is gone, and the next one works', async () => {
  const store = await Database.open(':memory:');
  const failing = store.write(async (sql) => {
    await add(sql, 'a');
    throw new Error('boom');
  });
  await expect(failing).rejects.toThrow('boom');
  await store.write((sql) => add(sql, 'b'));
  expect(await count(store)).toBe(1);
  await store.close();
});

test('nobody sees, or lands in, a transaction that is open', async () => {
  const store = await Database.open(':memory:');
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
  await store.close();
});

test('a file is opened again as it was; one of a newer version, or no database, is refused with the remedy', async () => {
  using folder = tempFolder();
  const path = `${folder.path}/hub.db`;
  const first = await Database.open(path);
  await first.write((sql) => add(sql, 'a'));
  await first.close();
  const second = await Database.open(path);
  expect(await count(second)).toBe(1);
  await second.write((sql) => sql`UPDATE schema_version SET version = 99`);
  await second.close();
  await expect(Database.open(path)).rejects.toMatchObject({
    code: 'CONFIG',
    hint: expect.stringContaining('newer pwagent'),
  });
  await Bun.write(`${folder.path}/text.db`, 'not a database at all, and long enough to look like a page of one');
  await expect(Database.open(`${folder.path}/text.db`)).rejects.toMatchObject({ code: 'CONFIG' });
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
          await sql\`INSERT INTO api_tokens (hash, role, created_ms) VALUES (\${half + number}, \${half}, \${number})\`;
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
    SELECT role, COUNT(*) AS n, MAX(created_ms) AS last FROM api_tokens GROUP BY role ORDER BY role`,
  );
  await store.close();
  const [left, right] = rows;
  expect(left?.n).toBe(right?.n as number);
  expect(left?.last).toBeGreaterThanOrEqual(20);
  expect(left?.n).toBe((left?.last ?? 0) + 1);
});
