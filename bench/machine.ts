import os from 'node:os';
import { formatSize } from '../src/lib/size.ts';

/** Where and when a figure was measured. */
export interface Machine {
  readonly date: string;
  readonly commit: string;
  readonly cpus: string;
  readonly memory: string;
  readonly system: string;
  readonly bun: string;
  /** Load average over the last 15 min, at the end of the measurement; older results do not have it. */
  readonly load?: number;
}

/** Describes this machine; `commit` is that of the measured executable. */
export function describeMachine(commit: string): Machine {
  const cpus = os.cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    commit,
    cpus: `${cpus.length} × ${cpus[0]?.model.trim() ?? 'unknown processor'}`,
    memory: formatSize(os.totalmem()),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    bun: Bun.version,
    load: Number((os.loadavg()[2] ?? Number.NaN).toFixed(1)),
  };
}
