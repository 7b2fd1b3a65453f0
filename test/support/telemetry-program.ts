import { systemClock } from '../../src/platform/clock.ts';
import { processEnvironment } from '../../src/platform/environment.ts';
import { startTelemetry } from '../../src/worker/telemetry/start-telemetry.ts';
import { memoryLogger } from './logger.ts';

/** A worker's day in small, in a process of its own, since OpenTelemetry's libraries read the environment themselves. */
const log = memoryLogger();
/** With LATE, every limit is over at once. */
const over = (_ms: number, run: () => void) => {
  run();
  return () => {};
};
const clock = process.env.LATE === undefined ? systemClock : { after: over };
const telemetry = await startTelemetry(processEnvironment(), '1.2.3-abc', log, clock);
telemetry.observe(() => ({ runningTasks: 2, resourcesUsed: { gpu: 0.5 }, resourcesUnused: { gpu: 1.5 } }));
telemetry.taskCounted();
telemetry.taskCounted();
telemetry.instanceUsed({ instance_type: 'tart', image: 'base', instance_cpus: 4 });
telemetry.standbyHit({ instance_type: 'tart' });
telemetry.standbyMissed({ instance_type: 'vetu' });
const parent = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'vendor=x' };
const span = telemetry.startTask(parent, { 'cirrus.task_id': '42' });
span.set({ instance_type: 'tart' });
span.end('it broke');
const port = process.env.OTEL_EXPORTER_PROMETHEUS_PORT;
const prometheus = port === undefined ? '' : await (await fetch(`http://localhost:${port}/metrics`)).text();
await telemetry.stop();
process.stdout.write(JSON.stringify({ context: span.context, prometheus, log }), () => process.exit(0));
