import { describe, expect, test } from 'bun:test';
import { parseEventStream, type StreamEvent } from '../../../src/lib/event-stream.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { type TestHub, testHub } from '../../support/test-hub.ts';

const HOST = { host: 'localhost' };

interface Reader {
  readonly events: StreamEvent[];
  readonly done: Promise<void>;
  leave(): Promise<void>;
}

/** Reads an event stream in the background. */
async function open(hub: TestHub, path: string, headers: Record<string, string> = {}): Promise<Reader> {
  const response = await hub.app.request(path, { headers: { ...HOST, ...headers } });
  expect(response.headers.get('content-type')).toStartWith('text/event-stream');
  const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
  const events: StreamEvent[] = [];
  const chunks = (async function* () {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  })();
  const done = (async () => {
    for await (const event of parseEventStream(chunks)) events.push(event);
  })();
  await settle();
  return { events, done, leave: () => reader.cancel() };
}

function brief({ event, data }: StreamEvent): string {
  if (event === 'build') return `build ${(JSON.parse(data) as { status: string }).status}`;
  if (event !== 'log') return event;
  const log = JSON.parse(data) as { seq: number; replaces: boolean; data: string };
  return `log ${log.seq} ${Buffer.from(log.data, 'base64')}${log.replaces ? ' anew' : ''}`;
}

describe('the events of a build', () => {
  test('the build first, then logs and changes as they come, then the end', async () => {
    using hub = await testHub(new FakeClock());
    hub.core.put({ id: 'x' }, [{ name: 'one' }]);
    const { events, done } = await open(hub, '/api/v1/builds/x/events');
    expect(events.map(brief)).toEqual(['build CREATED']);
    hub.core.put({ id: 'x', status: 'EXECUTING' });
    await settle();
    hub.core.log('x0', 'main', 'a');
    hub.core.changed('x'); // a change that changes nothing is not told
    await settle();
    hub.core.log('x0', 'main', 'b', true);
    hub.core.finish('x', 'COMPLETED');
    await done;
    expect(events.map(brief)).toEqual([
      'build CREATED',
      'build EXECUTING',
      'log 1 a',
      'log 2 b anew',
      'build COMPLETED',
      'end',
    ]);
    expect(JSON.parse(events[2]?.data ?? '')).toEqual({
      seq: 1,
      taskId: 'x0',
      instruction: 'main',
      offset: 0,
      replaces: false,
      data: 'YQ==',
    });
    expect(hub.core.watchers).toBe(0);
  });

  test.each([
    ['the header', '/api/v1/builds/x/events', { 'last-event-id': '12' }],
    ['the query', '/api/v1/builds/x/events?after=12', {}],
    ['the query before the header', '/api/v1/builds/x/events?after=12', { 'last-event-id': '3' }],
  ])('resumes after the number in %s', async (_title, path, headers) => {
    using hub = await testHub(new FakeClock());
    hub.core.put({ id: 'x' }, [{ name: 'one' }]);
    for (let count = 1; count <= 25; count += 1) hub.core.log('x0', 'main', 'z');
    hub.core.finish('x', 'FAILED');
    const { events, done } = await open(hub, path, headers);
    await done;
    expect(events.filter(({ event }) => event === 'log').map(({ id }) => Number(id))).toEqual(
      Array.from({ length: 13 }, (_none, index) => 13 + index),
    );
    expect(events.at(-1)?.event).toBe('end');
  });

  test('says something every 15 seconds while nothing happens, and polls nothing', async () => {
    const clock = new FakeClock();
    using hub = await testHub(clock);
    hub.core.put({ id: 'x' }, [{ name: 'one' }]);
    const { events, leave } = await open(hub, '/api/v1/builds/x/events');
    let reads = 0;
    const { getBuild } = hub.core;
    hub.core.getBuild = (id) => {
      reads += 1;
      return getBuild(id);
    };
    await clock.advance(14_999);
    expect(events).toHaveLength(1);
    await clock.advance(30_001);
    expect(events.slice(1).map(({ event }) => event)).toEqual(['', '', '']);
    expect(reads).toBe(0);
    await leave();
    await settle();
    expect(hub.core.watchers).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test('a reader that does not read gets nothing prepared', async () => {
    using hub = await testHub(new FakeClock());
    hub.core.put({ id: 'x' }, [{ name: 'one' }]);
    for (let count = 1; count <= 25; count += 1) hub.core.log('x0', 'main', 'z');
    let reads = 0;
    const { readLogs } = hub.core;
    hub.core.readLogs = (id, after) => {
      reads += 1;
      return readLogs(id, after);
    };
    const response = await hub.app.request('/api/v1/builds/x/events', { headers: HOST });
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.read();
    await settle();
    expect(reads).toBe(1);
    await reader?.cancel();
    await settle();
    expect(hub.core.watchers).toBe(0);
  });

  test('ends when the hub stops', async () => {
    using hub = await testHub(new FakeClock());
    hub.core.put({ id: 'x' }, [{ name: 'one' }]);
    const { events, done } = await open(hub, '/api/v1/builds/x/events');
    hub.stop.abort();
    await done;
    expect(events.map(brief)).toEqual(['build CREATED']);
    expect(hub.core.watchers).toBe(0);
  });
});

test('the overview tells builds and workers, at first, after changes and with each heartbeat', async () => {
  const clock = new FakeClock();
  using hub = await testHub(clock);
  hub.core.put({ id: 'x' });
  const { events, leave } = await open(hub, '/api/v1/events');
  const counts = () => events.map(({ data }) => (JSON.parse(data) as { builds: unknown[] }).builds.length);
  expect(counts()).toEqual([1]);
  hub.core.put({ id: 'y' });
  hub.core.put({ id: 'z' });
  await clock.advance(250);
  expect(counts()).toEqual([1, 3]);
  await clock.advance(15_250);
  expect(counts()).toEqual([1, 3, 3]);
  await leave();
  await settle();
  expect(hub.core.watchers).toBe(0);
});
