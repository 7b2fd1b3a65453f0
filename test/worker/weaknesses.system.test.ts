import { afterEach, expect, test } from 'bun:test';
import { resolveWorkerOptions } from '../../src/worker/configuration/resolve-options.ts';
import { parseWorkerFile } from '../../src/worker/configuration/worker-file.ts';
import { FakeWorkerServer, task } from '../support/fake-worker-server.ts';
import { startTestWorker, type TestWorkerOptions } from '../support/test-worker.ts';
import { waitFor } from '../support/wait-for.ts';

/** Weaknesses of the old worker (its specification, section 13) that no other test names by number. */

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function start(more: Partial<TestWorkerOptions> = {}) {
  const server = await new FakeWorkerServer().start();
  const worker = startTestWorker({ endpoints: [server.endpoint], ...more });
  open.push(async () => {
    worker.stop();
    worker.hurry();
    for (const instance of worker.isolation.instances) instance.letGo();
    await worker.ended;
    await server[Symbol.asyncDispose]();
  });
  const reported = (text: string) => waitFor(text, () => server.reports.some((line) => line.startsWith(text)));
  return { server, worker, reported };
}

test('W2 W7: while an instance is made, or closes, other tasks start and end', async () => {
  const { server, worker, reported } = await start({ resources: { slots: 3 } });
  const slow = Promise.withResolvers<void>();
  worker.isolation.gate = slow.promise;
  server.answer({ tasksToStart: [task('slow')] });
  await waitFor('it is being made', () => worker.isolation.placements.length === 1);
  worker.isolation.gate = Promise.resolve();
  worker.isolation.hangs = true;
  server.answer({ tasksToStart: [task('hangs')] });
  await reported('started hangs');
  worker.isolation.last.end();
  await waitFor('it closes', () => worker.isolation.last.closed);
  worker.isolation.hangs = false;
  worker.isolation.instant = true;
  server.answer({ tasksToStart: [task('quick')] });
  await reported('stopped quick');
  expect(server.reports).not.toContain('stopped hangs');
  slow.resolve();
  await reported('started slow');
});

test('W7: a refusal that the server does not take holds up no other task', async () => {
  const { server, worker, reported } = await start();
  worker.isolation.instant = true;
  server.faults.set('TaskFailed', { status: 'UNAVAILABLE', times: 1_000 });
  server.answer({ tasksToStart: [task('big', { resourcesToUse: { slots: 9 } })] });
  server.answer({ tasksToStart: [task('quick')] });
  await reported('stopped quick');
  server.faults.clear();
  await reported('failed big');
});

test('W18: `resources:` without a value is an empty map', () => {
  const file = parseWorkerFile('token: t\nresources:\nlabels:\n', 'w.yml', {});
  expect(resolveWorkerOptions(file, {}, 'host')).toMatchObject({ resources: {}, labels: {} });
});

test('W31: whatever version of the agent a server names, tasks get the agent of this worker', async () => {
  const { server, worker, reported } = await start();
  worker.isolation.instant = true;
  server.answer({ tasksToStart: [task('1', { cliVersion: '999.0.0', agentVersion: '../../evil' })] });
  await reported('stopped 1');
  expect(server.reports).toEqual(['started 1', 'stopped 1']);
});

test('W19: a worker ends on time with its server gone, told or not', async () => {
  const { server, worker } = await start({ drainMs: 0 });
  await waitFor('it polls', () => server.polls.length === 1);
  worker.worker.setPaused(true);
  await waitFor('the pause is told', () => server.calls.at(-1)?.text === 'disable');
  await server.cut();
  worker.stop();
  expect(await worker.ended).toBe('finished');
});
