import { join } from 'node:path';
import { submitter } from '../test/support/load-client.ts';
import { buildsWithEndedTasks } from '../test/support/stored-builds.ts';
import { startHubProcess } from './hub-process.ts';
import { type Outcome, rowOf } from './report.ts';

const BUILDS = 990;
const TASKS_PER_BUILD = 100;
const WAITING_BUILDS = 20;
const WAITING_TASKS = 50;
const RESTARTS = 7;

const WAITING = Array.from(
  { length: WAITING_TASKS },
  (_, number) => `t${number}_task: { persistent_worker: { labels: { os: none } }, wait_script: 'true' }\n`,
).join('');

/** A hub with 100,000 tasks, some of them waiting, killed and started again. */
export async function restart(folder: string, signal: AbortSignal): Promise<Outcome> {
  const data = join(folder, 'hub');
  const first = await startHubProcess(data, signal);
  const submit = await submitter(first, signal);
  for (let build = 0; build < WAITING_BUILDS; build += 1) await submit(WAITING);
  await first.stop();
  await buildsWithEndedTasks(join(data, 'hub.db'), BUILDS, TASKS_PER_BUILD);
  const times: number[] = [];
  let hub = await startHubProcess(data, signal);
  for (let round = 0; round < RESTARTS; round += 1) {
    hub.child.signal('SIGKILL');
    await hub.child.exited;
    hub = await startHubProcess(data, signal);
    times.push(hub.readyMs);
  }
  await hub.stop();
  return {
    name: 'restart',
    title: 'Restart after kill -9',
    method: `a hub on SQLite with ${BUILDS * TASKS_PER_BUILD + WAITING_BUILDS * WAITING_TASKS} tasks stored, ${WAITING_BUILDS * WAITING_TASKS} of them waiting, killed by SIGKILL and started again ${RESTARTS} times; from the start of the process to its first answer over HTTP, which reads the newest build from the database.`,
    bounds: 'the start of the runtime and of git, which looks after the stored work trees.',
    rows: [
      rowOf(
        'start to first answer',
        's',
        times.map((ms) => ms / 1_000),
        { goal: 2 },
      ),
    ],
  };
}
