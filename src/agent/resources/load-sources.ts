import { machineLoad, machineTotals } from '../../platform/machine-load.ts';
import { cgroupLimits, cgroupLoad, findCgroup, type ReadText } from './cgroup.ts';
import type { LoadSource } from './resource-meter.ts';

/** This process's control group, where it is one that can be measured, and the whole machine. */
export function loadSources(read: ReadText): readonly LoadSource[] {
  const totals = machineTotals();
  const machine = { ...machineLoad(), name: 'machine', cpus: totals.cpus, totalMemoryBytes: totals.memoryBytes };
  try {
    const group = findCgroup(read('/proc/self/mountinfo'), read('/proc/self/cgroup'));
    if (group === undefined) return [machine];
    const load = cgroupLoad(group, read);
    load.cpuSeconds();
    load.memoryBytes();
    const limits = cgroupLimits(group, read);
    const cpus = Math.min(totals.cpus, limits.cpus);
    const totalMemoryBytes = Math.min(totals.memoryBytes, limits.memoryBytes);
    return [{ ...load, name: 'control group', cpus, totalMemoryBytes }, machine];
  } catch {
    return [machine]; // no control groups here, or the root of them, which has no figures of its own
  }
}
