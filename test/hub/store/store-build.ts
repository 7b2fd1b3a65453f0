import { insertBuild } from '../../../src/hub/store/builds.ts';
import type { Database } from '../../../src/hub/store/database.ts';
import { makeTasks } from '../heart-harness.ts';

/** Stores a build without a hub around it. Ids rise from call to call. */
export async function storeBuild(store: Database, wishes: Parameters<typeof makeTasks>[0], buildId = 1_000) {
  const tasks = makeTasks(wishes);
  const minted = {
    buildId,
    tasks: tasks.map((_, index) => ({ id: buildId + 1 + index, clientSecret: 'client', serverSecret: 'server' })),
  };
  const build = { branch: 'main', revision: 'abc', message: 'work', treeId: 'tree', tasks };
  await store.write((sql) => insertBuild(sql, build, minted, 0));
  return { buildId, taskIds: minted.tasks.map(({ id }) => id) };
}
