import { afterEach, expect, test } from 'bun:test';
import type { Placement } from '../../src/isolation/placement.ts';
import type { Isolation } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import type { Attributes } from '../../src/worker/telemetry/telemetry.ts';
import { noTelemetry } from '../../src/worker/telemetry/telemetry.ts';
import { FakeWorkerServer, task } from '../support/fake-worker-server.ts';
import { MemoryEngine, untilAborted } from '../support/memory-engine.ts';
import { MemoryIsolation } from '../support/memory-isolation.ts';
import { startTestWorker, type TestWorkerOptions } from '../support/test-worker.ts';
import { waitFor } from '../support/wait-for.ts';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const STANDBY = 'standby:\n  tart: {image: base}\n  resources: {slots: 1}\n';
const base = { type: { case: 'tart', value: { image: 'base', user: 'admin', password: 'admin' } } } as const;
const other = { type: { case: 'tart', value: { image: 'other' } } } as const;

async function place(isolation: Isolation | undefined): Promise<Placement> {
  const type = isolation?.type;
  if (type?.case === 'tart')
    return { kind: 'tart', parameters: type.value, mounts: [], softnet: false, softnetAllow: [] };
  return type?.case === 'vetu' ? { kind: 'vetu', parameters: type.value } : { kind: 'none' };
}

async function start(more: Partial<TestWorkerOptions> = {}, engine = new MemoryEngine()) {
  const server = await new FakeWorkerServer().start();
  server.holdMs = 20; // polls follow each other quickly, as with servers that hold none
  open.push(() => server[Symbol.asyncDispose]());
  const { deps, ...rest } = more;
  const engines = { tart: engine, vetu: engine };
  const all = { place, engines, ...deps };
  const worker = startTestWorker({ endpoints: [server.endpoint], yaml: STANDBY, ...rest, deps: all });
  open.push(async () => {
    worker.isolation.obedient = true;
    worker.stop();
    worker.hurry();
    for (const instance of worker.isolation.instances) instance.end();
    await worker.ended;
  });
  const advertised = (count: number) =>
    waitFor(`${count} standbys told`, () => server.polls.at(-1)?.availableStandbyInstancesInformation.length === count);
  const stopped = (id: string) => waitFor(`end of ${id}`, () => server.reports.includes(`stopped ${id}`));
  return { server, worker, engine, advertised, stopped };
}

test('a standby is told in polls, serves the task that it fits, and is made anew', async () => {
  const { server, engine, advertised, stopped, worker } = await start();
  await advertised(1);
  expect(server.polls.at(-1)?.availableStandbyInstancesInformation[0]?.parameters?.resources).toEqual({ slots: 1 });
  expect(server.polls.at(-1)?.resourcesInUse).toEqual({});
  server.answer({ tasksToStart: [task('1', { isolation: base })] });
  await stopped('1');
  expect(engine.machines[0]?.closed).toBe(1);
  expect(worker.isolation.instances).toEqual([]);
  await advertised(1);
  expect(engine.machines.length).toBeGreaterThan(1);
});

test('W37: of two tasks in one answer the second may be the one that it fits', async () => {
  const { server, engine, worker, advertised, stopped } = await start();
  await advertised(1);
  server.answer({ tasksToStart: [task('1', { isolation: other }), task('2', { isolation: base })] });
  await stopped('2');
  await waitFor('the other runs', () => worker.isolation.instances.length === 1);
  expect(engine.machines[0]?.closed).toBe(1);
  expect(server.reports.filter((line) => line.startsWith('failed'))).toEqual([]);
});

test('W1, W2, W7: a boot that never ends, and one that fails, delay neither polls nor tasks', async () => {
  const engine = new MemoryEngine();
  engine.booting = untilAborted;
  const { server, worker } = await start({}, engine);
  await waitFor('polls', () => server.polls.length > 1);
  server.answer({ tasksToStart: [task('1', { isolation: other })] });
  await waitFor('the task runs', () => worker.isolation.instances[0]?.signal !== undefined);
});

test('W10: a task that the policy refuses leaves the standby alone, and gives its resources back', async () => {
  const refusing = async (isolation: Isolation | undefined) => {
    if (isolation?.type.case === 'container') throw new Error('forbidden here');
    return place(isolation);
  };
  const { server, advertised, engine } = await start({ deps: { place: refusing } });
  await advertised(1);
  const container = { type: { case: 'container', value: { image: 'x' } } } as const;
  server.answer({ tasksToStart: [task('1', { isolation: container })] });
  await waitFor('the refusal', () => server.reports.some((line) => line === 'failed 1: forbidden here'));
  await advertised(1);
  expect(server.polls.at(-1)?.resourcesInUse).toEqual({});
  expect(engine.machines).toHaveLength(1);
});

test("the server's own parameters replace the configured ones", async () => {
  const { server, engine, advertised } = await start();
  await advertised(1);
  server.answer({ updatedStandbyInstances: [{ isolation: other, resources: { slots: 1 } }] });
  await waitFor('the other', () => engine.machines.length === 2);
  await waitFor('it is told', () => {
    const [told] = server.polls.at(-1)?.availableStandbyInstancesInformation ?? [];
    return told?.parameters?.isolation?.type.case === 'tart' && told.parameters.isolation.type.value.image === 'other';
  });
});

test('W19: at the end of the worker the standby is gone', async () => {
  const { engine, advertised, worker } = await start();
  await advertised(1);
  worker.stop();
  expect(await worker.ended).toBe('finished');
  expect(engine.running).toBe(0);
});

test('W40, W38: pre-pull works on its own, and a newer image replaces the standby', async () => {
  const engine = new MemoryEngine();
  let pulled = 0;
  engine.pulling = async () => {
    pulled += 1;
    return pulled === 2;
  };
  const prePull = 'tart-pre-pull:\n  images: [base, other]\n  check-interval: 1h\n';
  const { advertised } = await start({ yaml: STANDBY + prePull }, engine);
  await advertised(1);
  expect(engine.pulls).toEqual(['base', 'other']);
  expect(engine.machines.at(-1)?.options.pull).toBe(false);
});

test('W42: a Vetu task gets the arguments of its modifier, and one too many is refused with the reason', async () => {
  const seen: (readonly string[])[] = [];
  const isolation = new MemoryIsolation();
  const createInstance = (placement: Placement, runArguments: readonly string[]) => {
    seen.push(runArguments);
    return isolation.create(placement);
  };
  const modifiers = 'resource-modifiers:\n  - match: {gpu: 1}\n    append: {run: [--gpu]}\n';
  const vetu = { isolation: { type: { case: 'vetu', value: { image: 'v' } } }, resourcesToUse: { gpu: 1 } } as const;
  const { server, stopped } = await start({ yaml: modifiers, resources: { gpu: 2 }, deps: { createInstance } });
  server.answer({ tasksToStart: [task('1', vetu)] });
  await waitFor('the first runs', () => isolation.instances[0]?.signal !== undefined);
  server.answer({ tasksToStart: [task('2', vetu)] });
  await waitFor('the second is refused', () =>
    server.reports.some((line) => line.startsWith('failed 2: every resource modifier')),
  );
  isolation.last.end();
  await stopped('1');
  server.answer({ tasksToStart: [task('3', vetu)] });
  await waitFor('the third runs', () => server.reports.includes('started 3'));
  expect(seen).toEqual([['--gpu'], ['--gpu']]);
  isolation.last.end();
});

test('what is measured: tasks, instances, hits, and a span for each task', async () => {
  const told: string[] = [];
  const say = (what: string) => (attributes?: Attributes) =>
    void told.push(`${what} ${JSON.stringify(attributes ?? {})}`);
  const telemetry = {
    ...noTelemetry,
    taskCounted: say('task'),
    instanceUsed: say('instance'),
    standbyHit: say('hit'),
    startTask: (parent: { traceparent: string }, attributes: Attributes) => {
      say(`span ${parent.traceparent}`)(
        attributes['cirrus.task_id'] === undefined ? {} : { id: attributes['cirrus.task_id'] },
      );
      const context = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-00000000000000aa-01', tracestate: '' };
      return { context, set: say('set'), end: (problem?: string) => void told.push(`end ${problem ?? ''}`) };
    },
  };
  const { server, worker, advertised, stopped } = await start({ deps: { telemetry } });
  await advertised(1);
  server.answer({ tasksToStart: [task('1', { isolation: base, traceparent: 'from-the-server' })] });
  await stopped('1');
  const tart = '{"instance_type":"tart","image":"base","instance_cpus":0}';
  expect(told).toEqual([
    'task {}',
    'span from-the-server {"id":"1"}',
    `hit ${tart}`,
    `instance ${tart}`,
    `set ${tart}`,
    'end ',
  ]);
  server.answer({ tasksToStart: [task('2')] });
  await waitFor('the second runs', () => worker.isolation.instances[0]?.signal !== undefined);
  const { environment } = await worker.isolation.last.ran.promise;
  expect(environment.TRACEPARENT).toBe('00-0af7651916cd43dd8448eb211c80319c-00000000000000aa-01');
});
