import { systemClock } from '../src/platform/clock.ts';
import { type Outcome, type Row, rowOf } from './report.ts';
import { startStack } from './stack.ts';
import { slopeOf } from './statistics.ts';
import { type Usage, usageOf, wakeUpsOf } from './usage.ts';

const SETTLE_MS = 5_000;
const WINDOW_MS = 10_000;
const MINUTES = 10;
const WINDOWS_PER_MINUTE = 60_000 / WINDOW_MS;

interface Sample extends Usage {
  /** Since the first sample. */
  readonly minutes: number;
  readonly wakeUps: { readonly main: number; readonly all: number };
}

async function samplesOf(pid: number, signal: AbortSignal): Promise<Sample[]> {
  const startMs = systemClock.monoMs();
  const samples: Sample[] = [];
  for (let window = 0; window <= MINUTES * WINDOWS_PER_MINUTE; window += 1) {
    await systemClock.sleep(Math.max(0, startMs + window * WINDOW_MS - systemClock.monoMs()), signal);
    const minutes = (systemClock.monoMs() - startMs) / 60_000;
    samples.push({ minutes, ...usageOf(pid), wakeUps: wakeUpsOf(pid) });
  }
  return samples;
}

/** How much `figure` grew in each whole minute. */
function perMinute(samples: readonly Sample[], figure: (sample: Sample) => number): number[] {
  const marks = samples.filter((_, index) => index % WINDOWS_PER_MINUTE === 0).map(figure);
  return marks.slice(1).map((mark, index) => mark - (marks[index] ?? mark));
}

/** KiB of resident memory a minute, by least squares. */
function memorySlope(samples: readonly Sample[]): number {
  return slopeOf(samples.map(({ minutes, residentMiB }) => [minutes, residentMiB * 1_024]));
}

function rowsOf(samples: readonly Sample[]): Row[] {
  const later = samples.slice(samples.length >> 1);
  const fixed = (what: string, unit: Row['unit'], value: number, of: readonly Sample[]): Row => {
    return { what, unit, value, spread: null, samples: of.length };
  };
  return [
    rowOf(
      'processor time in a minute',
      's',
      perMinute(samples, ({ cpuSeconds }) => cpuSeconds),
    ),
    rowOf(
      'wake-ups in a minute, main thread',
      '',
      perMinute(samples, ({ wakeUps }) => wakeUps.main),
    ),
    rowOf(
      'wake-ups in a minute, all threads',
      '',
      perMinute(samples, ({ wakeUps }) => wakeUps.all),
    ),
    rowOf(
      'resident memory',
      'MiB',
      samples.map(({ residentMiB }) => residentMiB),
    ),
    fixed(`growth of memory over ${MINUTES} min`, 'KiB/min', memorySlope(samples), samples),
    fixed(`growth of memory, the later ${MINUTES / 2} min`, 'KiB/min', memorySlope(later), later),
  ];
}

export async function supervisorIdle(folder: string, signal: AbortSignal): Promise<Outcome> {
  const stack = await startStack(folder, signal);
  try {
    await systemClock.sleep(SETTLE_MS, signal);
    return {
      name: 'supervisor-idle',
      title: 'The supervisor with nothing to do',
      method: `the supervisor of an idle worker for ${MINUTES} min, from ${SETTLE_MS / 1_000} s after the worker serves, looked at every ${WINDOW_MS / 1_000} s. Wake-ups are voluntary context switches as /proc counts them; a thread that ends takes its count with it, which is why a minute of all threads can show fewer than one of the main thread; growth is the least-squares slope of resident memory. Nobody asks for its status meanwhile.`,
      bounds:
        'a look at the clocks at least every 10 s, the news of the worker over its pipe, the journal once a minute; the other threads are those of the runtime.',
      rows: rowsOf(await samplesOf(stack.pids.supervisor, signal)),
    };
  } finally {
    await stack.stop();
  }
}
