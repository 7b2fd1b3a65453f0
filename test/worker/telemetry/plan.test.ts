import { describe, expect, test } from 'bun:test';
import { isOn, telemetryPlan } from '../../../src/worker/telemetry/plan.ts';

const OFF = { metricsByOtlp: false, tracesByOtlp: false, prometheus: undefined, warnings: [] };

describe('what the environment switches on', () => {
  test.each<[string, Record<string, string>, object]>([
    ['nothing by default (W49)', {}, {}],
    [
      'an endpoint: both',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' },
      { metricsByOtlp: true, tracesByOtlp: true },
    ],
    ['an endpoint of metrics', { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://c' }, { metricsByOtlp: true }],
    ['an endpoint of traces', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c' }, { tracesByOtlp: true }],
    ['an exporter by name', { OTEL_TRACES_EXPORTER: 'otlp' }, { tracesByOtlp: true }],
    ['none', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_TRACES_EXPORTER: 'none' }, { metricsByOtlp: true }],
    ['all off', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_SDK_DISABLED: 'True' }, {}],
    ['an empty value', { OTEL_EXPORTER_OTLP_ENDPOINT: '', OTEL_METRICS_EXPORTER: ' ' }, {}],
    ['Prometheus', { OTEL_METRICS_EXPORTER: 'prometheus' }, { prometheus: { host: 'localhost', port: 9464 } }],
    [
      'Prometheus elsewhere, and OTLP',
      {
        OTEL_METRICS_EXPORTER: 'prometheus, otlp',
        OTEL_EXPORTER_PROMETHEUS_HOST: '::1',
        OTEL_EXPORTER_PROMETHEUS_PORT: '80',
      },
      { metricsByOtlp: true, prometheus: { host: '::1', port: 80 } },
    ],
  ])('%s', (_name, env, expected) => {
    expect(telemetryPlan(env)).toEqual({ ...OFF, ...expected });
    expect(isOn(telemetryPlan(env))).toBe(Object.keys(expected).length > 0);
  });

  test('settings that do nothing here are told', () => {
    const { warnings } = telemetryPlan({
      OTEL_METRICS_EXPORTER: 'prometheus,console',
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_EXPORTER_PROMETHEUS_PORT: '99999',
    });
    expect(warnings).toEqual([
      'OTEL_METRICS_EXPORTER=console: only otlp, prometheus and none work here',
      'OTEL_EXPORTER_OTLP_PROTOCOL=grpc: http/protobuf is used instead',
      'OTEL_EXPORTER_PROMETHEUS_PORT=99999: not a port, 9464 is used',
    ]);
  });
});
