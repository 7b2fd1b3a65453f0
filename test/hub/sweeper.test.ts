import { expect, test } from 'bun:test';
import { create } from '@bufbuild/protobuf';
import { Core } from '../../src/hub/core.ts';
import { openDispatch } from '../../src/hub/dispatch.ts';
import { GRACE_MS } from '../../src/hub/fleet.ts';
import { LogIntake } from '../../src/hub/log-intake.ts';
import { FileLogs } from '../../src/hub/logs/file-logs.ts';
import { LogReader } from '../../src/hub/logs/log-reader.ts';

import { localBus } from '../../src/hub/store/bus.ts';

import { Database } from '../../src/hub/store/database.ts';
import { ensurePool } from '../../src/hub/store/pools.ts';
import { dequeue } from '../../src/hub/store/queue.ts';
import { patchTask } from '../../src/hub/store/tasks.ts';
import type { WorkerRecord } from '../../src/hub/store/workers.ts';
import { createLogger } from '../../src/lib/log.ts';
import { PollResponse_AgentAwareTaskSchema } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTasks } from './heart-harness.ts';

const HOUR_MS = 3_600_000;
const RECORD: WorkerRecord = {
  id: 1,
  poolId: 1,
  pool: 'default',
  name: 'mac-1',
  labels: { os: 'darwin' },
  resources: {},
  disabled: false,
  draining: false,
  called: '',
  peer: '',
  ephemeral: false,
  lastSeenMs: 0,
};

/** The parts of the hub without a wire, so that rare states can be made by hand. */
async function parts() {
  const clock = new FakeClock();
  const store = await Database.open(':memory:');
  const bus = localBus();
  const log = createLogger({ level: 'error', format: 'text', colour: false, write: () => {} });
  const scratch = tempFolder();
  const logs = await FileLogs.open(store, scratch.path, clock);
  const dispatch = await openDispatch(
    { store, bus, hub: 'h', clock, random: () => 0, log },
    new AbortController().signal,
  );
  const { fleet, time, ids, changes, scheduler, sweeper, explainer, tasks } = dispatch;
  const reader = new LogReader(store, logs);
  const core = new Core({
    store,
    fleet,
    explainer,
    control: tasks,
    logs: reader,
    disk: { expectRoom: () => {} },
    changes,
    bus,
    time,
    ids,
    clock,
  });
  await store.write((sql) => ensurePool(sql, 'default', 1, 0));
  const wish = { name: 'unit', labels: { os: 'darwin' } };
  const build = { branch: 'b', revision: 'r', message: 'm', treeId: 't', tasks: makeTasks([wish]) };
  const id = (await core.createBuild(build)).tasks[0]?.id ?? '';
  return {
    clock,
    store,
    changes,
    fleet,
    scheduler,
    sweeper,
    core,
    id,
    logs,
    close: async () => {
      await logs.close();
      await store.close();
      scratch[Symbol.dispose]();
    },
    statusOf: async () => (await core.getTask(id))?.status,
  };
}

const message = (taskId: string) => create(PollResponse_AgentAwareTaskSchema, { taskId });

test('a task that no answer took along goes back into the queue when its worker falls silent', async () => {
  const the = await parts();
  the.fleet.restore(RECORD);
  const placed = { status: 'SCHEDULED', workerId: 1, workerName: 'mac-1', handouts: 1, slotHeld: true } as const;
  await the.store.write((sql) => patchTask(sql, Number(the.id), placed));
  await the.store.write((sql) => dequeue(sql, Number(the.id), true));
  the.fleet.get(1)?.undelivered.push(message(the.id));
  await the.clock.advance(GRACE_MS);
  await the.sweeper.sweep();
  expect(await the.core.getTask(the.id)).toMatchObject({ status: 'TRIGGERED', worker: null });
  await the.scheduler.idle();
  await the.close();
});

test('the day without a worker begins anew when one comes and goes', async () => {
  const the = await parts();
  const at = async (hours: number, labels: Record<string, string>) => {
    await the.clock.advance(hours * HOUR_MS);
    const member = the.fleet.join({ ...RECORD, labels });
    the.fleet.saw(member);
    await the.sweeper.sweep();
    await the.scheduler.idle();
    return the.statusOf();
  };
  expect(await at(0, {})).toBe('TRIGGERED');
  expect(await at(20, { os: 'darwin' })).toBe('TRIGGERED'); // there, but it does not poll
  expect(await at(20, {})).toBe('TRIGGERED');
  expect(await at(25, {})).toBe('FAILED');
  await the.close();
});

test('a worker that registers anew starts without what its former life was owed', async () => {
  const the = await parts();
  const former = the.fleet.join(RECORD);
  former.undelivered.push(message(the.id));
  expect(the.fleet.join(RECORD).undelivered).toEqual([]);
  expect(former.undelivered).toEqual([]);
  await the.scheduler.idle();
  await the.close();
});

test('while the final copy of a log comes in, nothing else gets into it', async () => {
  const the = await parts();
  const intake = new LogIntake(the.store, the.logs, the.changes);
  const log = { buildId: 0, taskId: Number(the.id), instruction: 'main' };
  const bytes = (text: string) => new TextEncoder().encode(text);
  await intake.save(
    log,
    (async function* () {
      yield bytes('one ');
      yield bytes('two');
      await intake.append(log, bytes('straggler'));
    })(),
  );
  const pieces: Uint8Array[] = [];
  for await (const piece of the.core.readLog(the.id, 'main')) pieces.push(piece);
  expect(Buffer.concat(pieces).toString()).toBe('one two');
  await the.scheduler.idle();
  await the.close();
});
