import { expect, test } from 'bun:test';
import { type Gauges, noTelemetry } from '../../../src/worker/telemetry/telemetry.ts';
import { FakeWorkerServer, task } from '../../support/fake-worker-server.ts';
import { startTestWorker } from '../../support/test-worker.ts';
import { waitFor } from '../../support/wait-for.ts';

test('gauges: what tasks use and what is left, and 0 for what nobody uses', async () => {
  await using server = await new FakeWorkerServer().start();
  let read: () => Gauges = () => ({ runningTasks: -1, resourcesUsed: {}, resourcesUnused: {} });
  const telemetry = {
    ...noTelemetry,
    observe: (given: () => Gauges) => {
      read = given;
    },
  };
  const { isolation, ended, stop } = startTestWorker({
    endpoints: [server.endpoint],
    resources: { cpu: 1, gpu: 2 },
    deps: { telemetry },
  });
  expect(read()).toEqual({ runningTasks: 0, resourcesUsed: { cpu: 0, gpu: 0 }, resourcesUnused: { cpu: 1, gpu: 2 } });
  server.answer({ tasksToStart: [task('1', { resourcesToUse: { cpu: 0.3 } })] });
  await waitFor('it runs', () => isolation.instances.length === 1 && server.reports.length === 1);
  expect(read()).toEqual({
    runningTasks: 1,
    resourcesUsed: { cpu: 0.3, gpu: 0 },
    resourcesUnused: { cpu: 0.7, gpu: 2 },
  });
  isolation.last.end();
  stop();
  await ended;
  expect(read()).toMatchObject({ runningTasks: 0, resourcesUsed: { cpu: 0, gpu: 0 } });
});
