import { readdirSync, readFileSync } from 'node:fs';

/** What a process has used: resident memory now, processor time since its start. */
export interface Usage {
  readonly residentMiB: number;
  readonly cpuSeconds: number;
}

/** Linux counts processor time for /proc in hundredths of a second, on every architecture that we build for. */
const TICKS_PER_SECOND = 100;

function usageOnLinux(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]); // utime and stime, proc(5)
  const kiB = Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN);
  return { residentMiB: kiB / 1024, cpuSeconds: ticks / TICKS_PER_SECOND };
}

function usageByPs(pid: number): Usage {
  const asked = Bun.spawnSync(['/bin/ps', '-o', 'rss=,time=', '-p', String(pid)]);
  const [kiB = '', time = ''] = asked.stdout.toString().trim().split(/\s+/);
  const cpuSeconds = time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  return { residentMiB: Number(kiB) / 1024, cpuSeconds };
}

export function usageOf(pid: number): Usage {
  return process.platform === 'linux' ? usageOnLinux(pid) : usageByPs(pid);
}

function voluntarySwitches(status: string): number {
  return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync(status, 'utf8'))?.[1] ?? Number.NaN);
}

/**
 * How often the main thread and all threads that live now have gone to sleep of their own accord: as often as they were
 * woken. Linux only: elsewhere NaN.
 */
export function wakeUpsOf(pid: number): { main: number; all: number } {
  if (process.platform !== 'linux') return { main: Number.NaN, all: Number.NaN };
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}/status`);
  const all = threads.map(voluntarySwitches).reduce((sum, count) => sum + count, 0);
  return { main: voluntarySwitches(`/proc/${pid}/status`), all };
}
