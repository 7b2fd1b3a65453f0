import { expect, setDefaultTimeout, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { run as drain } from '../../src/cli/drain.ts';
import { run as replay } from '../../src/cli/replay.ts';
import { jitterOf } from '../../src/supervisor/jitter.ts';
import { testContext } from '../support/cli-context.ts';
import { FakeMetadata } from '../support/fake-metadata.ts';
import { site } from './site.ts';

setDefaultTimeout(30_000); // bounds for a machine under load; each takes a second at most

const HOUR = 3_600_000;
const LONG = 'max: 48h, idle-check: 24h, hard-cap: 2h';

async function instance() {
  const service = await new FakeMetadata({}).start();
  service.instance.identity.pendingTime = `${new Date(Date.now() - 2 * HOUR).toISOString().slice(0, 19)}Z`;
  return service;
}

const metadata = ({ endpoint }: FakeMetadata) =>
  `source: auto, endpoint: "${endpoint}", ready-poll: 100ms, lost-after: 300ms`;

test('an instance: age from its launch, tag and metadata service in the status, withdrawn, returned, lost, found', async () => {
  await using service = await instance();
  await using here = site(LONG, '', metadata(service));
  await here.start();
  const serving = await here.untilStatus(
    'serving',
    ({ phase, ready }) => phase === 'serving' && ready.value === 'true',
  );
  expect(serving.metadata).toMatchObject({ source: 'ec2', reachable: true });
  expect(Math.abs(serving.ageSeconds - 7_200)).toBeLessThan(60);
  expect(serving).toMatchObject({ armed: false, ready: { tag: 'PWPoolReady', value: 'true' } });
  delete service.instance.tags?.PWPoolReady;
  const withdrawn = await here.untilStatus('withdrawn', ({ phase }) => phase === 'withdrawn');
  expect(withdrawn.deadlines.find(({ rule }) => rule === 'idle-check')?.suspended).toBe(true);
  await here.until('the worker was told to pause', () => here.seen('seen').includes('"pause"'));
  service.instance.tags = { PWPoolReady: 'true' };
  await here.untilStatus('serving again', ({ phase }) => phase === 'serving');
  await here.until('the worker was told to go on', () => here.seen('seen').includes('"resume"'));
  service.fault(500);
  const lost = await here.untilStatus('lost', ({ reason }) => reason === 'metadata-lost');
  expect([lost.phase, lost.metadata.reachable]).toEqual(['serving', false]);
  service.fault(undefined);
  await here.untilStatus('found', ({ reason, metadata }) => reason !== 'metadata-lost' && metadata.reachable === true);
  expect(here.seen('ordered')).toBe('');
});

test('the jitter is that of the instance; a restart keeps age and deadlines', async () => {
  await using service = await instance();
  await using here = site(`${LONG}, jitter: 4h`, '', metadata(service));
  const first = await here.start();
  await here.untilStatus('known', (status) => status.phase === 'serving' && status.metadata.source === 'ec2');
  const entry = () => JSON.parse(here.seen('state/journal.json') || '{}').entry; // written a moment after the phase is known
  await here.until('journal', () => entry()?.instanceId === service.instance.identity.instanceId);
  const { limits } = entry();
  expect(limits.idleAfterMs - 24 * HOUR).toBe(jitterOf(String(service.instance.identity.instanceId), 4 * HOUR));
  process.kill(first.pid, 'SIGKILL');
  await first.exited;
  service.fault('reset'); // even when nobody tells it once more
  await here.start();
  const again = await here.untilStatus('serving', ({ phase }) => phase === 'serving');
  expect(Math.abs(again.ageSeconds - 7_200)).toBeLessThan(60);
  expect(entry().limits).toEqual(limits);
});

test('without a name of its own: that of the instance, kept over a restart without its metadata service', async () => {
  await using service = await instance();
  await using here = site(LONG, '', metadata(service));
  const text = readFileSync(`${here.path}/p.yml`, 'utf8');
  writeFileSync(`${here.path}/p.yml`, text.replace('name: Test-1\n', ''));
  const first = await here.start();
  const serving = await here.untilStatus('serving', ({ phase }) => phase === 'serving');
  expect(serving.name).toBe('MacM1-7');
  await here.until('the worker was told', () => here.seen('seen').includes('"MacM1-7"'));
  first.signal('SIGTERM');
  await first.exited;
  service.fault('reset');
  await here.start();
  expect((await here.untilStatus('serving', ({ phase }) => phase === 'serving')).name).toBe('MacM1-7');
});

test('a notice ends an idle machine; what was decided can be decided once more', async () => {
  await using service = await instance();
  await using here = site(LONG, '', metadata(service));
  service.instance.rebalance = { noticeTime: new Date().toISOString() };
  await here.start();
  await here.until('shutdown ordered', () => here.seen('ordered') === 'off\n');
  const status = await here.untilStatus('halted', ({ phase }) => phase === 'halted');
  expect(status.reason).toContain('spot instance');
  const context = testContext({});
  expect(await replay([`${here.path}/state/journal-records.jsonl`], context)).toBe(0);
  expect(context.out()).toContain('notice');
});

test('an operator drains; everybody may ask, the order came by the other socket', async () => {
  await using here = site(LONG);
  await here.start();
  await here.untilStatus('serving', ({ phase }) => phase === 'serving');
  const context = testContext({});
  expect(await drain(['--reason', 'enough', '--socket', `${here.path}/s.sock`], context)).toBe(0);
  await here.until('shutdown ordered', () => here.seen('ordered') === 'off\n');
  expect((await here.status())?.reason).toContain('operator: drain: enough');
  expect(readFileSync(`${here.path}/out`, 'utf8')).toContain('"rule":"operator"');
});
