import { afterEach, describe, expect, test } from 'bun:test';
import { createServer, type Server } from 'node:net';
import { AUTHORITY_FILE, certificate } from '../support/certificates.ts';
import { FakeWorkerServer, task } from '../support/fake-worker-server.ts';
import { startTestWorker, type TestWorkerOptions } from '../support/test-worker.ts';
import { waitFor } from '../support/wait-for.ts';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function startServer(...made: ConstructorParameters<typeof FakeWorkerServer>): Promise<FakeWorkerServer> {
  const server = await new FakeWorkerServer(...made).start();
  open.push(() => server[Symbol.asyncDispose]());
  return server;
}

function startWorker(options: TestWorkerOptions) {
  const worker = startTestWorker(options);
  open.push(async () => {
    worker.stop();
    worker.hurry();
    await worker.ended;
  });
  return worker;
}

const reported = (server: FakeWorkerServer, text: string) =>
  waitFor(text, () => server.reports.some((line) => line.startsWith(text)));

/** Accepts connections and never says a word. */
async function blackHole(): Promise<string> {
  const server: Server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(async () => server.close());
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

describe('W3 W4: another upstream is served at once', () => {
  test.each([
    ['one that never answers', blackHole],
    ['one that is not there', async () => 'http://127.0.0.1:1'],
    [
      'one that takes the registration and leaves polls unanswered',
      async () => {
        const server = await startServer();
        server.gates.set('Poll', new Promise(() => {}));
        return server.endpoint;
      },
    ],
    [
      'one that refuses the worker',
      async () => {
        const server = await startServer();
        server.tokens = [];
        return server.endpoint;
      },
    ],
    [
      'one that fails each poll',
      async () => {
        const server = await startServer();
        server.faults.set('Poll', { status: 'INTERNAL', times: 1_000 });
        return server.endpoint;
      },
    ],
    ['one that wants TLS', async () => (await startServer(certificate('loopback'))).endpoint.replace('https', 'http')],
  ])('beside %s', async (_name, bad) => {
    const good = await startServer();
    const worker = startWorker({ endpoints: [await bad(), good.endpoint] });
    worker.isolation.instant = true;
    for (const id of ['1', '2', '3']) {
      good.answer({ tasksToStart: [task(id)] });
      await reported(good, `stopped ${id}`);
    }
  });
});

test('W14: the same id from two servers is two tasks, and neither stops the other', async () => {
  const [one, two] = [await startServer(), await startServer()];
  const worker = startWorker({ endpoints: [one.endpoint, two.endpoint] });
  one.answer({ tasksToStart: [task('7')] });
  two.answer({ tasksToStart: [task('7')] });
  await waitFor('both run', () => worker.isolation.instances.filter(({ signal }) => signal !== undefined).length === 2);
  await waitFor('a poll of one', () => one.polls.at(-1)?.runningTasks.includes('7'));
  one.answer({});
  await waitFor('resources count over both', () => one.polls.at(-1)?.resourcesInUse.slots === 2);
  one.answer({ tasksToStop: ['7'] });
  await reported(one, 'stopped 7');
  expect(worker.isolation.instances.map(({ signal }) => signal?.aborted).toSorted()).toEqual([false, true]);
  expect(two.reports).toEqual(['started 7']);
});

test('W15: two servers that do not know of each other do not overbook the worker', async () => {
  const [one, two] = [await startServer(), await startServer()];
  startWorker({ endpoints: [one.endpoint, two.endpoint], resources: { slots: 1 } });
  one.answer({ tasksToStart: [task('1')] });
  await reported(one, 'started 1');
  two.answer({ tasksToStart: [task('2')] });
  await reported(two, 'failed 2: this worker has not enough resources: the task needs 1 of "slots" with 0 free');
});

test('W20: the shutdown of one server leaves the others; the worker ends with the last', async () => {
  const [one, two] = [await startServer(), await startServer()];
  const worker = startWorker({ endpoints: [one.endpoint, two.endpoint] });
  worker.isolation.instant = true;
  let ended = false;
  void worker.ended.then(() => {
    ended = true;
  });
  one.answer({ shutdown: true });
  await waitFor('it is told', () =>
    worker.log.lines.some(({ message }) => message.includes('asks this worker to leave')),
  );
  two.answer({ tasksToStart: [task('2')] });
  await reported(two, 'stopped 2');
  expect(ended).toBe(false);
  const polls = one.polls.length;
  two.answer({ shutdown: true });
  expect(await worker.ended).toBe('finished');
  expect(one.polls).toHaveLength(polls);
});

test('what hinders each upstream is told together, and taken back when it is over', async () => {
  const [one, two] = [await startServer(), await startServer()];
  one.tokens = [];
  two.tokens = [];
  const troubles: (string | null)[] = [];
  startWorker({ endpoints: [one.endpoint, two.endpoint], link: { trouble: (message) => void troubles.push(message) } });
  await waitFor('both refuse', () => troubles.at(-1) === 'the hub refuses this worker: unknown token');
  one.tokens = ['token'];
  two.tokens = ['token'];
  await waitFor('both are served', () => troubles.at(-1) === null);
});

test('TLS, with the authority of the server among the trusted', async () => {
  const server = await startServer(certificate('loopback'));
  const worker = startWorker({ endpoints: [server.endpoint], roots: [await Bun.file(AUTHORITY_FILE).text()] });
  worker.isolation.instant = true;
  server.answer({ tasksToStart: [task('1')] });
  await reported(server, 'stopped 1');
});
