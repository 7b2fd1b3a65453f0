import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { freePort } from '../../../src/platform/free-port.ts';
import type { LogLine } from '../../support/logger.ts';

interface Received {
  readonly path: string;
  readonly type: string | null;
  readonly body: string;
}

/** Runs the program with these variables and gives what it said. */
async function run(env: Record<string, string>) {
  const program = join(import.meta.dir, '../../support/telemetry-program.ts');
  const child = Bun.spawn([process.execPath, program], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdout: 'pipe',
  });
  const said = JSON.parse(await new Response(child.stdout).text());
  expect(await child.exited).toBe(0);
  return said as {
    context: { traceparent: string; tracestate: string };
    prometheus: string;
    log: { lines: LogLine[] };
  };
}

describe('telemetry (specification of the worker, section 11)', () => {
  test('OTLP: every metric and the span by their names, below the trace of the task', async () => {
    const received: Received[] = [];
    const collector = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      async fetch(request) {
        const body = Buffer.from(await request.arrayBuffer()).toString('latin1');
        received.push({ path: new URL(request.url).pathname, type: request.headers.get('content-type'), body });
        return new Response('');
      },
    });
    try {
      const { context } = await run({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}` });
      expect(context.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/);
      expect(context.tracestate).toBe('vendor=x');
    } finally {
      await collector.stop(true);
    }
    expect(received.map(({ type }) => type)).toEqual(received.map(() => 'application/x-protobuf'));
    const of = (path: string) =>
      received
        .filter((one) => one.path === path)
        .map(({ body }) => body)
        .join();
    const names = [
      'tasks.running_count',
      'tasks.count',
      'images.total',
      'resources.unused_count',
      'resources.used_count',
      'standby.hit',
      'standby.miss',
    ];
    for (const name of names) expect(of('/v1/metrics')).toContain(`org.cirruslabs.persistent_worker.${name}`);
    for (const text of ['cirrus-cli', '1.2.3-abc', 'host.arch', 'instance_cpus'])
      expect(of('/v1/metrics')).toContain(text);
    for (const text of ['persistent-worker-task', 'cirrus.task_id', 'it broke', 'instance_type']) {
      expect(of('/v1/traces')).toContain(text);
    }
  });

  test('Prometheus: the same as text; without traces, tasks keep the context that they came with', async () => {
    const port = await freePort(0);
    const { prometheus, context } = await run({
      OTEL_METRICS_EXPORTER: 'prometheus',
      OTEL_EXPORTER_PROMETHEUS_PORT: String(port),
    });
    expect(prometheus).toMatch(/^org_cirruslabs_persistent_worker_tasks_count_total\S* 2/m);
    expect(prometheus).toMatch(/^org_cirruslabs_persistent_worker_tasks_running_count\S* 2/m);
    expect(prometheus).toMatch(/^org_cirruslabs_persistent_worker_resources_unused_count\{.*name="gpu".*\} 1\.5/m);
    expect(prometheus).toMatch(/^org_cirruslabs_persistent_worker_images_total\{.*instance_type="tart".*\} 1/m);
    expect(context).toEqual({
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      tracestate: 'vendor=x',
    });
  });

  test('W49: a collector that is away is told once, and holds nothing up', async () => {
    const port = await freePort(0);
    const { log } = await run({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '500',
    });
    const told = log.lines.filter(({ message }) => message === 'telemetry could not be exported');
    expect(told.filter(({ level }) => level === 'warn')).toHaveLength(1);
    expect(told.length).toBeGreaterThan(1); // metrics and traces both failed
  });

  test('W49: one that never answers does not keep the worker, and that is told', async () => {
    const collector = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Promise<Response>(() => {}) });
    try {
      const { log } = await run({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}`, LATE: 'yes' });
      expect(log.lines.map(({ message, fields }) => [message, fields?.reason])).toEqual([
        ['telemetry could not be exported', 'what was left has not been taken within 5s'],
      ]);
    } finally {
      await collector.stop(true);
    }
  });
});
