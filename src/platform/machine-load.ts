import { readFileSync } from 'node:fs';
import os from 'node:os';

/** What the whole machine uses. Both throw the system's error. */
export interface MachineLoad {
  /** Processor time spent on anything but idling, in seconds, from an arbitrary origin. */
  cpuSeconds(): number;
  /** Memory that could not be had at once. */
  memoryBytes(): number;
}

/** Ticks of /proc/stat: a constant of the interface of Linux on every machine of today. */
const TICKS_PER_SECOND = 100;

/** `user nice system idle iowait irq softirq steal`; time of guests is in the first two already. */
export function busySecondsOf(procStat: string): number {
  const fields = /^cpu +(.*)$/m.exec(procStat)?.[1]?.split(' ').map(Number) ?? [];
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = fields;
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}

export function usedMemoryOf(meminfo: string): number {
  const kibibytes = (name: string) => Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(meminfo)?.[1]);
  return (kibibytes('MemTotal') - kibibytes('MemAvailable')) * 1024;
}

/** What `vm_stat` of macOS prints: pages that are active, wired or compressed. */
export function usedMemoryOfVmStat(text: string): number {
  const pageBytes = Number(/page size of (\d+) bytes/.exec(text)?.[1]);
  const pages = (name: string) => Number(new RegExp(`^"?${name}"?: +(\\d+)\\.$`, 'm').exec(text)?.[1]);
  return (pages('Pages active') + pages('Pages wired down') + pages('Pages occupied by compressor')) * pageBytes;
}

const linux: MachineLoad = {
  cpuSeconds: () => busySecondsOf(readFileSync('/proc/stat', 'utf8')),
  memoryBytes: () => usedMemoryOf(readFileSync('/proc/meminfo', 'utf8')),
};

const darwin: MachineLoad = {
  cpuSeconds: () => os.cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys, 0) / 1_000,
  memoryBytes: () => usedMemoryOfVmStat(Bun.spawnSync(['/usr/bin/vm_stat']).stdout.toString()),
};

export function machineLoad(): MachineLoad {
  return process.platform === 'darwin' ? darwin : linux;
}

/** Logical processors, and memory in bytes. */
export function machineTotals(): { readonly cpus: number; readonly memoryBytes: number } {
  return { cpus: os.cpus().length, memoryBytes: os.totalmem() };
}
