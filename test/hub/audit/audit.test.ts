import { expect, test } from 'bun:test';
import { createAuditLog } from '../../../src/hub/audit/audit.ts';
import { Database } from '../../../src/hub/store/database.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const DAY_MS = 86_400_000;
const actor = { name: 'token abc', role: 'admin', address: '127.0.0.1' };

test('keeps who, what and when, newest first, in parts, for 400 days', async () => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1));
  const store = await Database.open(':memory:');
  const audit = createAuditLog(store, clock);
  await audit.record(actor, 'createPool', 'macs', { maxTasks: 3 });
  clock.stepWall(399 * DAY_MS);
  await audit.record(actor, 'createToken', 'line\nbreak \u001b[31m', { note: 'x'.repeat(5_000) });
  await audit.record({ ...actor, role: undefined, name: 'cron nightly' }, 'createBuild', 'repo');
  const first = await audit.list({ limit: 2, after: undefined });
  expect(first.items.map(({ actor: who, role, action, at }) => [who, role, action, at])).toEqual([
    ['cron nightly', null, 'createBuild', '2027-02-04T00:00:00.000Z'],
    ['token abc', 'admin', 'createToken', '2027-02-04T00:00:00.000Z'],
  ]);
  expect(first.items[1]).toMatchObject({ subject: 'line\uFFFDbreak \uFFFD[31m', detail: { shortened: true } });
  const second = await audit.list({ limit: 2, after: first.next ?? '' });
  expect([second.items[0]?.detail, second.next]).toEqual([{ maxTasks: 3 }, null]);
  clock.stepWall(2 * DAY_MS);
  await audit.record(actor, 'setPool', 'macs');
  const actions = (await audit.list({ limit: 10, after: undefined })).items.map(({ action }) => action);
  expect(actions).toEqual(['setPool', 'createBuild', 'createToken']);
  await store.close();
});
