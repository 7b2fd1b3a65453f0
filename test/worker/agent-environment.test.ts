import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { agentEnvironment, traceEnvironment, traceTags } from '../../src/worker/agent-environment.ts';

test('W30: tasks get harmless variables and those that were named for them, never those of telemetry', () => {
  const own = { PATH: '/bin', LC_ALL: 'C', AWS_SECRET_ACCESS_KEY: 'k', TEAM: 't', OTEL_EXPORTER_OTLP_HEADERS: 'key=k' };
  expect(agentEnvironment(own, ['TEAM', 'OTEL_EXPORTER_OTLP_HEADERS'])).toEqual({
    PATH: '/bin',
    LC_ALL: 'C',
    TEAM: 't',
  });
});

const TRACE = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'vendor=1' };

describe('W48: the variables of a trace', () => {
  test('reach every agent, with tags that cannot be taken for others', () => {
    const tags = traceTags({ taskId: '7', workerName: 'rack 7, slot=2', hostName: '50%,\n"mäc"' });
    expect(traceEnvironment(TRACE, tags)).toEqual({
      TRACEPARENT: TRACE.traceparent,
      TRACESTATE: 'vendor=1',
      CIRRUS_SENTRY_TAGS:
        'cirrus.task_id=7,cirrus.upstream_worker_name=rack%207%2C%20slot%3D2,cirrus.upstream_hostname=50%25%2C%0A"m%C3%A4c"',
    });
  });

  test('tags come apart again as they were put together, whatever names hold', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 30 }),
        fc.string({ maxLength: 30 }),
        (workerName, hostName) => {
          const tags = traceTags({ taskId: '7', workerName, hostName });
          const text = traceEnvironment({ traceparent: '', tracestate: '' }, tags).CIRRUS_SENTRY_TAGS ?? '';
          const read = Object.fromEntries(text.split(',').map((tag) => tag.split('=').map(decodeURIComponent)));
          expect(read).toEqual(
            Object.fromEntries(Object.entries(tags).map(([name, tag]) => [name, tag.toWellFormed()])),
          );
        },
      ),
    );
  });

  test.each([
    ['none', '', ''],
    ['a version that does not exist', TRACE.traceparent.replace(/^00/, 'ff'), 'a=b'],
    ['all zeros', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, 'a=b'],
    ['shell text', '$(reboot)', '`reboot`'],
    ['another line', `${TRACE.traceparent}\nLD_PRELOAD=x`, 'a=b'],
  ])('%s is left out', (_name, traceparent, tracestate) => {
    expect(Object.keys(traceEnvironment({ traceparent, tracestate }, {}))).toEqual(['CIRRUS_SENTRY_TAGS']);
  });

  test('a state that is too long, or not plain text, is left out alone', () => {
    for (const tracestate of ['x'.repeat(513), 'a=ü', 'a=b\0']) {
      expect(traceEnvironment({ ...TRACE, tracestate }, {})).not.toHaveProperty('TRACESTATE');
    }
  });
});
