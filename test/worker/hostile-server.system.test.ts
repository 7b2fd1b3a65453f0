import { afterEach, describe, expect, test } from 'bun:test';
import { create } from '@bufbuild/protobuf';
import { IsolationSchema } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { MAX_TASKS } from '../../src/worker/capacity.ts';
import { decide } from '../../src/worker/policy/decide.ts';
import { DEFAULT_POLICY } from '../../src/worker/policy/security-policy.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeWorkerServer, type PollAnswer, task } from '../support/fake-worker-server.ts';
import { startTestWorker, type TestWorkerOptions } from '../support/test-worker.ts';
import { waitFor } from '../support/wait-for.ts';

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
    await worker.ended;
    await server[Symbol.asyncDispose]();
  });
  return { server, worker };
}

const reported = (server: FakeWorkerServer, text: string) =>
  waitFor(text, () => server.reports.some((line) => line.startsWith(text)), 30_000);

/** The worker is as it was: it takes a task and carries it out. */
async function stillWorks(server: FakeWorkerServer): Promise<void> {
  server.answer({ tasksToStart: [task('good')] });
  await reported(server, 'started good');
}

describe('an answer with', () => {
  test.each<[string, PollAnswer, string]>([
    [
      'negative resources',
      { tasksToStart: [task('1', { resourcesToUse: { slots: -1 } })] },
      'failed 1: the server asks for -1',
    ],
    [
      'resources that are no number',
      { tasksToStart: [task('1', { resourcesToUse: { slots: Number.NaN } })] },
      'failed 1: the server asks for NaN',
    ],
    [
      'endless resources',
      { tasksToStart: [task('1', { resourcesToUse: { slots: Number.POSITIVE_INFINITY } })] },
      'failed 1: the server asks for Infinity',
    ],
    [
      'more resources than there are',
      { tasksToStart: [task('1', { resourcesToUse: { slots: 3 } })] },
      'failed 1: this worker has not enough resources',
    ],
    [
      'isolation of an unknown kind',
      { tasksToStart: [task('1', { isolation: create(IsolationSchema) })] },
      'failed 1: ',
    ],
  ])('%s fails that task with a reason, and nothing else', async (_name, answer, report) => {
    const { server } = await start({ deps: { place: (isolation) => decide(DEFAULT_POLICY, isolation) } });
    server.answer(answer);
    await reported(server, report);
    await stillWorks(server);
    expect(server.reports).toHaveLength(2);
  });

  test.each<[string, PollAnswer]>([
    ['nothing in it', { pollIntervalInSeconds: 0 }],
    ['an interval of a year', { pollIntervalInSeconds: 31_536_000 }],
    ['a task without id, secret, anything', { tasksToStart: [{}] }],
    ['ids that no header can hold', { tasksToStart: [task('a\r\nb: c'), task('ü'), task('x'.repeat(5_000))] }],
    ['stops of what does not run', { tasksToStop: ['', 'x'.repeat(1_000_000)], oldTaskIdsToStop: [-1n, 0n] }],
    ['a standby that nobody could run', { updatedStandbyInstances: [{}, {}] }],
  ])(
    '%s is survived without a word to the server',
    async (_name, answer) => {
      const clock = new FakeClock();
      const { server } = await start({ clock });
      await waitFor('it polls', () => server.polls.length === 1);
      server.answer(answer);
      await waitFor('it polls again', async () => {
        await clock.advance(1_000);
        return server.polls.length === 2;
      });
      await stillWorks(server);
      expect(server.reports).toEqual(['started good']);
    },
    30_000,
  );

  test('a task that runs already starts no second time, in this answer or a later one', async () => {
    const { server, worker } = await start();
    server.answer({ tasksToStart: [task('1'), task('1')] });
    await reported(server, 'started 1');
    server.answer({ tasksToStart: [task('1', { clientSecret: 'other' })] });
    await stillWorks(server);
    expect(worker.isolation.instances).toHaveLength(2);
    expect(server.reports).toEqual(['started 1', 'started good']);
  });

  test('ten thousand tasks: those that fit run, each of the others is refused once', async () => {
    const { server, worker } = await start();
    server.answer({ tasksToStart: Array.from({ length: 10_000 }, (_, index) => task(`${index}`)) });
    await waitFor('all refusals', () => server.reports.length === 10_000, 60_000);
    const refused = server.reports.filter((line) => line.startsWith('failed '));
    expect([refused.length, new Set(refused).size]).toEqual([9_998, 9_998]);
    expect(worker.isolation.instances).toHaveLength(2);
    for (const instance of worker.isolation.instances) instance.end();
    await reported(server, 'stopped 1');
    await stillWorks(server);
  }, 90_000);

  test('ten thousand tasks for a worker without declared resources: a bound holds all the same', async () => {
    const { server, worker } = await start({ resources: {} });
    const many = Array.from({ length: 10_000 }, (_, index) => task(`${index}`, { resourcesToUse: {} }));
    server.answer({ tasksToStart: many });
    await waitFor('all reports', () => server.reports.length === 10_000, 60_000);
    expect(worker.isolation.instances).toHaveLength(MAX_TASKS);
    for (const instance of worker.isolation.instances) instance.end();
    await waitFor('all ends', () => server.reports.length === 10_000 + MAX_TASKS, 60_000);
  }, 90_000);

  test('more than the 4 MiB of common peers is read', async () => {
    const { server } = await start();
    server.answer({ tasksToStart: [task('1', { cliVersion: 'x'.repeat(6 * 1024 * 1024) })] });
    await reported(server, 'started 1');
    await stillWorks(server);
  });

  test('more than the bound of this worker is an outage: it polls on', async () => {
    const { server } = await start();
    server.answer({ tasksToStart: [task('1', { cliVersion: 'x'.repeat(65 * 1024 * 1024) })] });
    await waitFor('it polls again', () => server.polls.length >= 2, 30_000);
    await stillWorks(server);
    expect(server.reports).toEqual(['started good']);
  }, 60_000);
});

test('a session token that no header can hold, or none, is told and tried again', async () => {
  const { server, worker } = await start();
  await waitFor('it polls', () => server.polls.length === 1);
  server.forgetSessions();
  server.sessionToken = () => (server.registrations.length < 4 ? '' : 'bad\u0000token');
  server.answer({});
  await waitFor('several tries', () => server.registrations.length >= 5);
  expect(worker.log.lines.some(({ fields }) => `${fields.error}`.includes('without a session token'))).toBe(true);
  server.sessionToken = undefined;
  await stillWorks(server);
}, 30_000);
