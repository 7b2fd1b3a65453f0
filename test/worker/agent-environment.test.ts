import { expect, test } from 'bun:test';
import { agentEnvironment } from '../../src/worker/agent-environment.ts';

test('W30: tasks get harmless variables and those that were named for them, never those of telemetry', () => {
  const own = { PATH: '/bin', LC_ALL: 'C', AWS_SECRET_ACCESS_KEY: 'k', TEAM: 't', OTEL_EXPORTER_OTLP_HEADERS: 'key=k' };
  expect(agentEnvironment(own, ['TEAM', 'OTEL_EXPORTER_OTLP_HEADERS'])).toEqual({
    PATH: '/bin',
    LC_ALL: 'C',
    TEAM: 't',
  });
});
