import { systemClock } from '../src/platform/clock.ts';
import { type Outcome, type Row, rowOf } from './report.ts';
import { startStack } from './stack.ts';
import { usageOf } from './usage.ts';

const SETTLE_MS = 5_000;
const WINDOW_MS = 10_000;
const WINDOWS = 6;
const PARTS = ['supervisor', 'worker', 'hub'] as const;

export async function idle(folder: string, signal: AbortSignal): Promise<Outcome> {
  const stack = await startStack(folder, signal);
  const rows: Row[] = [];
  try {
    await systemClock.sleep(SETTLE_MS, signal);
    const sample = () => PARTS.map((part) => usageOf(stack.pids[part]));
    const samples = [sample()];
    for (let window = 0; window < WINDOWS; window += 1) {
      await systemClock.sleep(WINDOW_MS, signal);
      samples.push(sample());
    }
    for (const [index, part] of PARTS.entries()) {
      const own = samples.flatMap((all) => all[index] ?? []);
      const cpu = own.slice(1).map((usage, window) => usage.cpuSeconds - (own[window]?.cpuSeconds ?? 0));
      const total = cpu.reduce((sum, seconds) => sum + seconds, 0);
      rows.push(
        rowOf(
          `${part}, resident memory`,
          'MiB',
          own.map((usage) => usage.residentMiB),
        ),
      );
      rows.push(rowOf(`${part}, processor time in 60 s`, 's', cpu, { value: total, spread: null }));
    }
  } finally {
    await stack.stop();
  }
  return {
    name: 'idle',
    title: 'Idle: memory and processor time',
    method: `hub, supervisor and worker with nothing to do, ${SETTLE_MS / 1_000} s after the worker serves, looked at every ${WINDOW_MS / 1_000} s for 60 s. Processor time is counted by the kernel in steps of 0.01 s. A good part of the memory is the executable itself, which all processes share.`,
    bounds:
      'the runtime: an empty Bun program already holds about 27 MiB; the worker and the hub add the gRPC library.',
    rows,
  };
}
