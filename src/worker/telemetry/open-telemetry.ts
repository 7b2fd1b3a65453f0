import { type Attributes, context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { setGlobalErrorHandler, W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { type IMetricReader, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { formatDuration } from '../../lib/duration.ts';
import { describeError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Environment } from '../../platform/environment.ts';
import { goArch } from '../../platform/host.ts';
import type { TelemetryPlan } from './plan.ts';
import type { Gauges, TaskSpan, Telemetry, TraceContext } from './telemetry.ts';

/** Name of the meter, the tracer and the service; specification of the worker, section 11. Dashboards know them. */
const SCOPE = 'worker';
const SERVICE = 'cirrus-cli';
const PREFIX = 'org.cirruslabs.persistent_worker';
const SPAN = 'persistent-worker-task';

/** Longest that the last export may hold up the end of the worker. */
const STOP_MS = 5_000;

/** Tells the first failure of exports as a warning, and further ones for whoever looks for them. */
function failureReporter(log: Logger): (error: unknown) => void {
  let told = false;
  return (error) => {
    log[told ? 'debug' : 'warn']('telemetry could not be exported', { reason: describeError(error) });
    told = true;
  };
}

function resourceOf(version: string, env: Environment) {
  const known = { 'service.name': SERVICE, 'service.version': version, 'host.arch': goArch() };
  const named = env.OTEL_SERVICE_NAME ? { 'service.name': env.OTEL_SERVICE_NAME } : {};
  return defaultResource()
    .merge(resourceFromAttributes(known))
    .merge(detectResources({ detectors: [envDetector] }))
    .merge(resourceFromAttributes(named));
}

function readersOf(plan: TelemetryPlan, log: Logger): IMetricReader[] {
  const readers: IMetricReader[] = [];
  if (plan.metricsByOtlp) readers.push(new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter() }));
  if (plan.prometheus !== undefined) {
    const { host, port } = plan.prometheus;
    const started = (error: unknown) => {
      if (error) log.warn('telemetry: Prometheus cannot read here', { host, port, reason: describeError(error) });
      else log.info('metrics for Prometheus', { url: `http://${host}:${port}/metrics` });
    };
    readers.push(new PrometheusExporter({ host, port }, started));
  }
  return readers;
}

function instrumentsOf(provider: MeterProvider) {
  const meter = provider.getMeter(SCOPE);
  const counter = (name: string, description: string) => meter.createCounter(`${PREFIX}.${name}`, { description });
  const gauge = (name: string, description: string) =>
    meter.createObservableGauge(`${PREFIX}.${name}`, { description });
  return {
    meter,
    tasks: counter('tasks.count', 'Tasks that came'),
    images: counter('images.total', 'Instances that tasks got'),
    hits: counter('standby.hit', 'Tasks that got the standby'),
    misses: counter('standby.miss', 'Tasks that the standby did not fit'),
    running: gauge('tasks.running_count', 'Tasks that run'),
    unused: gauge('resources.unused_count', 'Resources that are free'),
    used: gauge('resources.used_count', 'Resources that tasks use'),
  };
}

function observeGauges({ meter, running, used, unused }: ReturnType<typeof instrumentsOf>, read: () => Gauges): void {
  meter.addBatchObservableCallback(
    (result) => {
      const { runningTasks, resourcesUsed, resourcesUnused } = read();
      result.observe(running, runningTasks);
      for (const [name, amount] of Object.entries(resourcesUsed)) result.observe(used, amount, { name });
      for (const [name, amount] of Object.entries(resourcesUnused)) result.observe(unused, amount, { name });
    },
    [running, used, unused],
  );
}

const CARRIER = {
  get: (carrier: Readonly<Record<string, string>>, key: string) => carrier[key],
  keys: (carrier: Readonly<Record<string, string>>) => Object.keys(carrier),
};

/** Opens spans below the trace that a task came with. */
function taskSpans(provider: BasicTracerProvider) {
  const tracer = provider.getTracer(SCOPE);
  const w3c = new W3CTraceContextPropagator();
  return (parent: TraceContext, attributes: Attributes): TaskSpan => {
    const above = w3c.extract(context.active(), { ...parent }, CARRIER);
    const span = tracer.startSpan(SPAN, { kind: SpanKind.CONSUMER, attributes }, above);
    const carrier: Record<string, string> = {};
    w3c.inject(trace.setSpan(above, span), carrier, {
      set: (to: Record<string, string>, key, value) => {
        to[key] = value;
      },
    });
    return {
      context: { traceparent: carrier.traceparent ?? '', tracestate: carrier.tracestate ?? '' },
      set: (more) => void span.setAttributes({ ...more }),
      end(problem) {
        if (problem !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: problem });
        span.end();
      },
    };
  };
}

/** Telemetry by OpenTelemetry's own libraries, which read the rest of their settings from the environment. */
export function createOpenTelemetry(
  plan: TelemetryPlan,
  env: Environment,
  version: string,
  log: Logger,
  clock: Pick<Clock, 'after'>,
): Telemetry {
  const report = failureReporter(log);
  setGlobalErrorHandler(report);
  const resource = resourceOf(version, env);
  const metrics = new MeterProvider({ resource, readers: readersOf(plan, log) });
  const spanProcessors = plan.tracesByOtlp ? [new BatchSpanProcessor(new OTLPTraceExporter())] : [];
  const traces = new BasicTracerProvider({ resource, spanProcessors });
  const instruments = instrumentsOf(metrics);
  const startSpan = taskSpans(traces);
  return {
    observe: (read) => observeGauges(instruments, read),
    taskCounted: () => instruments.tasks.add(1),
    instanceUsed: (instance) => instruments.images.add(1, instance),
    standbyHit: (standby) => instruments.hits.add(1, standby),
    standbyMissed: (standby) => instruments.misses.add(1, standby),
    startTask: (parent, attributes) =>
      plan.tracesByOtlp ? startSpan(parent, attributes) : { context: parent, set() {}, end() {} },
    async stop() {
      const late = Promise.withResolvers<void>();
      const cancel = clock.after(STOP_MS, () => {
        report(new Error(`what was left has not been taken within ${formatDuration(STOP_MS)}`));
        late.resolve();
      });
      const ended = Promise.all([metrics.shutdown().catch(report), traces.shutdown().catch(report)]);
      await Promise.race([ended, late.promise]);
      cancel();
    },
  };
}
