import { expect, test } from 'bun:test';
import { decide } from '../../../src/worker/policy/decide.ts';
import { FakeWorkerServer, task } from '../../support/fake-worker-server.ts';
import { startTestWorker } from '../../support/test-worker.ts';
import { waitFor } from '../../support/wait-for.ts';
import { none, policyOf, tart } from './policy-support.ts';

/** Section 8.2 of the worker's specification: what a server hears of a violation, and nothing else. */
test.each([
  ['{}', none(), /^failed 1: .*security settings.*"none"/],
  ['{}', undefined, /^failed 1: .*security settings.*"none"/],
  [
    '{tart: {}}',
    tart({ volumes: [{ source: '/etc' }] }),
    /^failed 1: .*security settings.*\/etc.*tart\.allowed-volumes/,
  ],
])('allowed-isolations: %s', async (allowed, isolation, report) => {
  await using server = await new FakeWorkerServer().start();
  const policy = policyOf(`{allowed-isolations: ${allowed}}`);
  const worker = startTestWorker({ endpoints: [server.endpoint], deps: { place: (wanted) => decide(policy, wanted) } });
  server.answer({ tasksToStart: [task('1', isolation === undefined ? {} : { isolation })] });
  await waitFor('the refusal', () => server.reports.length > 0);
  expect(server.reports).toEqual([expect.stringMatching(report)]);
  await waitFor('its resources are free', () => server.polls.at(-1)?.runningTasks.length === 0);
  worker.stop();
  expect(await worker.ended).toBe('finished');
});
