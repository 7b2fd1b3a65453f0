import { expect, test } from 'bun:test';
import { adoptOldTasks } from '../../../src/hub/store/adopt-old-tasks.ts';
import { Database } from '../../../src/hub/store/database.ts';
import { DispatchWorld } from '../dispatch-world.ts';

test('tasks that an older pwagent left open find their queue, once', async () => {
  await using store = Object.assign(await Database.open(':memory:'), {
    [Symbol.asyncDispose]: () => store.close(),
  });
  const world = await DispatchWorld.open(store);
  const [waits] = await world.submit([{ name: 'waits' }, { name: 'behind', needs: ['waits'] }]);
  // as the first pwagent stored it
  await store.write(async (sql) => {
    await sql`UPDATE tasks SET class_id = ${''}`;
    await sql`DELETE FROM queue`;
    await sql`DELETE FROM queue_classes`;
    await sql`DELETE FROM hub_state`;
  });
  await world.start();
  const worker = await world.join('a', {}, {});
  await world.poll(worker);
  expect([...worker.running.keys()]).toEqual([waits] as string[]);
  await store.write((sql) => sql`UPDATE tasks SET class_id = ${''}`.then(() => {}));
  await store.write((sql) => adoptOldTasks(sql, world.hub.time.now()));
  expect((await world.task(waits ?? '')).classId).toBe('');
});
