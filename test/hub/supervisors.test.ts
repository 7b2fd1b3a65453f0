import { expect, test } from 'bun:test';
import { HubUnderTest, POOL_TOKEN } from './heart-harness.ts';
import { ScriptedWorker } from './scripted-worker.ts';

const report = {
  phase: 'serving',
  reason: 'the worker is registered',
  ageSeconds: 60,
  deadlines: [],
  endReason: null,
  finishedTasks: 1,
  verdict: { verdict: 'clean', reasons: [] },
};

test('the last report of a machine is shown with its worker, before and after the machine has gone', async () => {
  const hub = await HubUnderTest.start();
  try {
    await ScriptedWorker.join(hub, 'mac-1');
    await ScriptedWorker.join(hub, 'mac-2');
    const { core } = hub.heart;
    await core.saveSupervisor('mac-1', report);
    await core.saveSupervisor('mac-1', { ...report, phase: 'stopping', endReason: 'the lifetime is over' });
    const [first, second] = await core.listWorkers();
    expect(first?.supervisor).toMatchObject({ phase: 'stopping', endReason: 'the lifetime is over', finishedTasks: 1 });
    expect(second?.supervisor).toBeNull();
    expect([await core.isPoolToken(POOL_TOKEN), await core.isPoolToken('other')]).toEqual([true, false]);
  } finally {
    await hub.stop();
  }
});
