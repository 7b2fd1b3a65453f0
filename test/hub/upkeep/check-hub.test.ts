import { expect } from 'bun:test';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { folderObjects } from '../../../src/hub/logs/object-store.ts';
import type { Queries } from '../../../src/hub/store/database.ts';
import { Database } from '../../../src/hub/store/database.ts';
import { enqueue } from '../../../src/hub/store/queue.ts';
import { checkHub } from '../../../src/hub/upkeep/check-hub.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { logScene, piece } from '../logs/scene.ts';

async function scene(engine: Engine) {
  const made = await logScene(engine);
  await made.storage.append([{ log: made.log, pieces: [piece('some words')] }]);
  const places = { logFolder: `${made.folder}/logs`, objects: folderObjects(`${made.folder}/objects`) };
  const other = await Database.openExisting(made.address);
  await made.store.write(async (sql) => {
    await sql`UPDATE tasks SET status = ${'TRIGGERED'}`;
    await enqueue(sql, made.log.taskId, 0);
  });
  const files = () => [...new Bun.Glob('**/*').scanSync({ cwd: made.folder, absolute: true })];
  const kinds = async () => (await checkHub(other, places)).problems.map(({ kind }) => kind);
  const end = async () => {
    await other.close();
    await made[Symbol.asyncDispose]();
  };
  return { ...made, files, kinds, check: () => checkHub(other, places), [Symbol.asyncDispose]: end };
}

onBothEngines('the check of a hub', (engine) => {
  engine.test('finds nothing in what hubs store, while one runs', async () => {
    await using the = await scene(engine);
    expect(await the.check()).toEqual({
      checked: { builds: 1, tasks: 1, logs: 1, logBytes: 10 },
      problems: [],
      leftovers: [],
    });
  });

  const breaks: [string, string, (sql: Queries) => Promise<unknown>][] = [
    [
      'place-without-worker',
      'a place without a worker',
      (sql) => sql`UPDATE tasks SET slot_held = 1, status = ${'EXECUTING'}`,
    ],
    [
      'place-on-unknown-worker',
      'an unknown worker',
      (sql) => sql`UPDATE tasks SET slot_held = 1, worker_id = 5, status = ${'EXECUTING'}`,
    ],
    ['runs-without-place', 'a task that runs nowhere', (sql) => sql`UPDATE tasks SET status = ${'SCHEDULED'}`],
    ['waits-with-place', 'a task that waits somewhere', (sql) => sql`UPDATE tasks SET slot_held = 1, worker_id = 5`],
    ['ended-without-time', 'an end at no time', (sql) => sql`UPDATE tasks SET status = ${'FAILED'}`],
    ['waits-outside-queue', 'a task that nobody looks for', (sql) => sql`DELETE FROM queue`],
    ['queued-without-waiting', 'a queued task that ended', (sql) => sql`UPDATE tasks SET status = ${'FAILED'}`],
    ['queue-without-class', 'a queue that nobody looks at', (sql) => sql`DELETE FROM queue_classes`],
    ['two-runs', 'two runs of a task', (sql) => sql`UPDATE tasks SET next_id = 5`],
    [
      'lock-of-ended-task',
      'a lock that nobody lets go of',
      (sql) =>
        sql`INSERT INTO locks (lock_key, task_id) SELECT 'x', id FROM tasks`.then(
          () => sql`UPDATE tasks SET status = ${'FAILED'}`,
        ),
    ],
    ['time-without-end', 'a time without an end', (sql) => sql`UPDATE tasks SET finished_ms = 5`],
    ['build-status', 'a build that ended too early', (sql) => sql`UPDATE builds SET status = ${'COMPLETED'}`],
    [
      'task-left-behind',
      'a task that should wait for a worker',
      (sql) => sql`UPDATE tasks SET status = ${'CREATED'}, hold = NULL`,
    ],
    [
      'log-order',
      'bytes that no reader gets',
      (sql) =>
        sql`DELETE FROM log_chunks`.then(
          () => sql`
      INSERT INTO log_chunks (build_id, task_id, instruction, start_byte, size, replaces)
      SELECT 1, id, 'main', 0, 3, 0 FROM tasks`,
        ),
    ],
    ['log-short', 'bytes that are missing', (sql) => sql`UPDATE logs SET size = 11`],
  ];
  for (const [kind, title, damage] of breaks) {
    engine.test(`finds ${title}`, async () => {
      await using the = await scene(engine);
      await the.store.write(damage);
      expect(await the.kinds()).toContain(kind);
    });
  }

  engine.test('finds what is missing of logs, and what is left over', async () => {
    await using the = await scene(engine);
    if (engine.name === 'postgres') {
      await the.clock.advance(61_000);
      await the.segments.moveOut();
      const [object = ''] = the.files();
      truncateSync(object, 9);
      expect(await the.kinds()).toEqual(['log-missing']);
      return;
    }
    const [file = ''] = the.files();
    writeFileSync(`${file}.part`, 'of an upload that broke off');
    expect((await the.check()).leftovers).toEqual([
      { kind: 'log-file', subject: `${file}.part`, detail: 'no log has this file' },
    ]);
    truncateSync(file, 9);
    expect(await the.kinds()).toEqual(['log-short']);
    rmSync(file);
    expect(await the.kinds()).toEqual(['log-missing']);
  });
});
