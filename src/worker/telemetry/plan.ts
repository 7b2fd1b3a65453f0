import type { Environment } from '../../platform/environment.ts';

/** What of telemetry is switched on, and where Prometheus may read. */
export interface TelemetryPlan {
  readonly metricsByOtlp: boolean;
  readonly tracesByOtlp: boolean;
  readonly prometheus: { readonly host: string; readonly port: number } | undefined;
  /** Sentences about settings that do nothing here. */
  readonly warnings: readonly string[];
}

/** Where Prometheus reads by default; from OpenTelemetry's specification of its environment variables. */
const PROMETHEUS_HOST = 'localhost';
const PROMETHEUS_PORT = 9464;

function exportersOf(env: Environment, signal: 'METRICS' | 'TRACES', known: readonly string[], warnings: string[]) {
  const variable = `OTEL_${signal}_EXPORTER`;
  const given = env[variable] ?? '';
  if (given.trim() === '') {
    const asked = env.OTEL_EXPORTER_OTLP_ENDPOINT || env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`];
    return asked ? ['otlp'] : [];
  }
  const names = given.split(',').map((name) => name.trim());
  for (const name of names) {
    if (name !== 'none' && !known.includes(name))
      warnings.push(`${variable}=${name}: only ${known.join(', ')} and none work here`);
  }
  return names.filter((name) => known.includes(name));
}

function protocolWarnings(env: Environment): string[] {
  const names = ['', '_METRICS', '_TRACES'].map((signal) => `OTEL_EXPORTER_OTLP${signal}_PROTOCOL`);
  return names.flatMap((name) => {
    const protocol = env[name];
    return protocol && protocol !== 'http/protobuf' ? [`${name}=${protocol}: http/protobuf is used instead`] : [];
  });
}

function portOf(env: Environment, warnings: string[]): number {
  const text = env.OTEL_EXPORTER_PROMETHEUS_PORT;
  if (text === undefined || text === '') return PROMETHEUS_PORT;
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  warnings.push(`OTEL_EXPORTER_PROMETHEUS_PORT=${text}: not a port, ${PROMETHEUS_PORT} is used`);
  return PROMETHEUS_PORT;
}

/**
 * Reads OpenTelemetry's standard environment variables. All is off unless one of them asks for it: an endpoint for OTLP,
 * or an exporter by name (`OTEL_METRICS_EXPORTER=prometheus`).
 */
export function telemetryPlan(env: Environment): TelemetryPlan {
  const warnings: string[] = [];
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true') {
    return { metricsByOtlp: false, tracesByOtlp: false, prometheus: undefined, warnings };
  }
  const metrics = exportersOf(env, 'METRICS', ['otlp', 'prometheus'], warnings);
  const traces = exportersOf(env, 'TRACES', ['otlp'], warnings);
  if (metrics.includes('otlp') || traces.includes('otlp')) warnings.push(...protocolWarnings(env));
  const host = env.OTEL_EXPORTER_PROMETHEUS_HOST || PROMETHEUS_HOST;
  const prometheus = metrics.includes('prometheus') ? { host, port: portOf(env, warnings) } : undefined;
  return { metricsByOtlp: metrics.includes('otlp'), tracesByOtlp: traces.includes('otlp'), prometheus, warnings };
}

/** Whether anything is to be measured at all. */
export function isOn({ metricsByOtlp, tracesByOtlp, prometheus }: TelemetryPlan): boolean {
  return metricsByOtlp || tracesByOtlp || prometheus !== undefined;
}
