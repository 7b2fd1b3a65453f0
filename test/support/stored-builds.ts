import { insertBuild } from '../../src/hub/store/builds.ts';
import { Database } from '../../src/hub/store/database.ts';
import { makeTasks } from '../hub/heart-harness.ts';

/** Fills a database with builds that have run, as years of service leave them. */
export async function buildsWithEndedTasks(path: string, builds: number, tasksPerBuild: number): Promise<void> {
  const store = await Database.open(path);
  const tasks = makeTasks(Array.from({ length: tasksPerBuild }, (_, number) => ({ name: `t${number}` })));
  for (let index = 0; index < builds; index += 1) {
    const buildId = 1_000_000 + index * 10_000;
    const minted = {
      buildId,
      tasks: tasks.map((_, number) => ({ id: buildId + 1 + number, clientSecret: 'c', serverSecret: 's' })),
    };
    const build = { branch: 'main', revision: 'abc', message: 'work', treeId: 'tree', tasks };
    await store.write(async (sql) => {
      await insertBuild(sql, build, minted, 1_000);
      await sql`UPDATE tasks SET status = ${'COMPLETED'}, finished_ms = 2000, started_ms = 1500 WHERE build_id = ${buildId}`;
      await sql`UPDATE instructions SET status = ${'COMPLETED'} WHERE task_id > ${buildId} AND task_id < ${buildId + 10_000}`;
      await sql`UPDATE builds SET status = ${'COMPLETED'}, finished_ms = 2000 WHERE id = ${buildId}`;
    });
  }
  await store.close();
}
