import { expect, test } from 'bun:test';
import { type LoadSource, ResourceMeter } from '../../../src/agent/resources/resource-meter.ts';
import { FakeAgentServer, script } from '../../support/fake-agent-server.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { agentResult } from '../../support/run-test-agent.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/** A source whose processor time grows by what `cpu` says for each second, and whose memory is the time. */
function source(clock: FakeClock, cpu: (second: number) => number, more: Partial<LoadSource> = {}): LoadSource {
  const second = () => Math.round(clock.monoMs() / 1_000);
  const until = (end: number) => Array.from({ length: end }, (_value, at) => cpu(at + 1)).reduce((a, b) => a + b, 0);
  return {
    name: 'machine',
    cpus: 4,
    totalMemoryBytes: 1_000,
    cpuSeconds: () => until(second()),
    memoryBytes: second,
    ...more,
  };
}

async function measured(seconds: number, sources: (clock: FakeClock) => readonly LoadSource[]) {
  const clock = new FakeClock();
  const meter = new ResourceMeter(sources(clock), clock);
  const done = new AbortController();
  const running = meter.run(done.signal);
  await clock.advance(seconds * 1_000);
  done.abort();
  await running;
  return meter;
}

// specification of the agent, section 9
test('4.5 seconds give four points each', async () => {
  const meter = await measured(4.5, (clock) => [source(clock, () => 0.5)]);
  expect(meter.utilization?.cpuChart?.map(({ value }) => value)).toEqual([0.5, 0.5, 0.5, 0.5]);
  expect(meter.utilization?.memoryChart?.map(({ secondsFromStart }) => secondsFromStart)).toEqual([1, 2, 3, 4]);
  expect(meter.utilization).toMatchObject({ cpuTotal: 4, memoryTotal: 1_000 });
});

test('R12: a point for ten seconds after the first minute, and no peak is lost', async () => {
  const meter = await measured(85, (clock) => [source(clock, (second) => (second === 73 ? 3 : 1))]);
  const points = meter.utilization?.cpuChart ?? [];
  expect(points).toHaveLength(63);
  expect(points.slice(60).map(({ secondsFromStart, value }) => [secondsFromStart, value])).toEqual([
    [61, 1],
    [73, 3],
    [81, 1],
  ]);
});

test('no more than all processors, no less than none', async () => {
  const meter = await measured(2, (clock) => [source(clock, (second) => (second === 1 ? 99 : -5))]);
  expect(meter.utilization?.cpuChart?.map(({ value }) => value)).toEqual([4, 0]);
});

test('R12: a source that fails is told once, and the next one takes its place', async () => {
  const failing = (clock: FakeClock) =>
    source(clock, () => 1, {
      name: 'control group',
      memoryBytes: () => {
        if (clock.monoMs() > 2_500) throw new Error('ENODEV');
        return 7;
      },
    });
  const meter = await measured(6, (clock) => [failing(clock), source(clock, () => 2)]);
  expect(meter.problems).toEqual([
    'the use of the control group cannot be read: ENODEV; the machine is measured instead',
  ]);
  expect(meter.utilization?.cpuChart?.map(({ value }) => value)).toEqual([1, 1, 2, 2, 2]);
  expect(meter.utilization?.memoryChart?.map(({ value }) => value)).toEqual([7, 7, 3, 4, 5, 6]);
});

test('nothing to measure is no trouble', async () => {
  expect((await measured(3, () => [])).utilization).toBeUndefined();
});

test('the final report carries the curves, and problems become warnings', async () => {
  using folder = tempFolder();
  const commands = [script('a', ['sleep 1.2'])];
  await using server = new FakeAgentServer({ serverToken: 'server secret', timeoutInSeconds: 60n, commands });
  await server.start();
  const broken = () => {
    throw new Error('broken');
  };
  const clock = new FakeClock();
  const sources = [source(clock, () => 1, { cpuSeconds: broken }), source(clock, () => 1, { cpus: 2 })];
  await agentResult(server, folder.path, { deps: { loadSources: sources } });
  expect(server.finished[0]?.resourceUtilization).toMatchObject({ cpuTotal: 2, memoryTotal: 1_000 });
  expect(server.finished[0]?.resourceUtilization?.memoryChart.length).toBeGreaterThan(0);
  expect(server.warnings).toEqual(['the use of the machine cannot be read: broken; the machine is measured instead']);
});
