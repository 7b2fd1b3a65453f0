import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MachineLoad } from '../../platform/machine-load.ts';

/** Reads a text file; throws the system's error. */
export type ReadText = (path: string) => string;

/** Where a control group keeps its figures; specification of the agent, section 9. */
export type Cgroup =
  | { readonly version: 1; readonly cpu: Controller; readonly memory: Controller }
  | { readonly version: 2; readonly cpu: Controller; readonly memory: Controller };

interface Controller {
  readonly mountPoint: string;
  /** The group's folder, below the mount point or the same. */
  readonly folder: string;
}

interface Mount {
  readonly root: string;
  readonly mountPoint: string;
  readonly type: string;
  readonly options: readonly string[];
}

export const readText: ReadText = (path) => readFileSync(path, 'utf8');

function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_whole, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
}

function mountsOf(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root, mountPoint] = before.split(' ');
    const [type, , options = ''] = after.split(' ');
    if (root === undefined || mountPoint === undefined || type === undefined) return [];
    return [{ root: unescaped(root), mountPoint: unescaped(mountPoint), type, options: options.split(',') }];
  });
}

/** `hierarchy:controllers:path` lines; the unified hierarchy has no controllers. */
function pathOf(cgroups: string, controller: string): string | undefined {
  for (const line of cgroups.split('\n')) {
    const [, controllers, ...path] = line.split(':');
    if (controllers?.split(',').includes(controller)) return path.join(':');
  }
  return undefined;
}

function controllerIn(mounts: readonly Mount[], path: string | undefined): Controller | undefined {
  const preferred = mounts.find(({ mountPoint }) => mountPoint.startsWith('/sys/fs/cgroup'));
  const mount = preferred ?? mounts[0];
  if (mount === undefined || path === undefined) return undefined;
  const { root, mountPoint } = mount;
  const isBelow = root === '/' || path === root || path.startsWith(`${root}/`);
  const relative = root === '/' ? path : isBelow ? path.slice(root.length) : '';
  return { mountPoint, folder: relative.includes('..') ? mountPoint : join(mountPoint, relative) };
}

/** Finds this process's control group: version 1 first, as the existing agent does. Undefined when there is none to find. */
export function findCgroup(mountinfo: string, cgroups: string): Cgroup | undefined {
  const mounts = mountsOf(mountinfo);
  const withV1 = (name: string) =>
    controllerIn(
      mounts.filter(({ type, options }) => type === 'cgroup' && options.includes(name)),
      pathOf(cgroups, name),
    );
  const [cpu, memory] = [withV1('cpuacct'), withV1('memory')];
  if (cpu !== undefined && memory !== undefined) return { version: 1, cpu, memory };
  const unified = controllerIn(
    mounts.filter(({ type }) => type === 'cgroup2'),
    pathOf(cgroups, ''),
  );
  return unified === undefined ? undefined : { version: 2, cpu: unified, memory: unified };
}

/** A file with one unsigned number and nothing else. Throws for anything else. */
export function singleValue(text: string): number {
  if (!/^\d+\n?$/.test(text)) throw new RangeError(`not a single number: ${JSON.stringify(text.slice(0, 50))}`);
  return Number(text);
}

/** The number of one key in a file of `KEY VALUE` lines. Throws when a line is something else or the key is missing. */
export function keyedValue(text: string, key: string): number {
  for (const line of text.split('\n').filter((part) => part !== '')) {
    const [name, value, ...rest] = line.split(' ');
    if (value === undefined || rest.length > 0) throw new RangeError(`not KEY VALUE: ${JSON.stringify(line)}`);
    if (name === key) return singleValue(value);
  }
  throw new RangeError(`there is no ${key}`);
}

/** What a control group uses. Both throw the system's error, or a `RangeError` for a file that is not as it should be. */
export function cgroupLoad({ version, cpu, memory }: Cgroup, read: ReadText): MachineLoad {
  const inCpu = (name: string) => read(join(cpu.folder, name));
  const inMemory = (name: string) => read(join(memory.folder, name));
  if (version === 1) {
    return {
      cpuSeconds: () => singleValue(inCpu('cpuacct.usage')) / 1e9,
      memoryBytes: () =>
        singleValue(inMemory('memory.usage_in_bytes')) - keyedValue(inMemory('memory.stat'), 'total_inactive_file'),
    };
  }
  return {
    cpuSeconds: () => keyedValue(inCpu('cpu.stat'), 'usage_usec') / 1e6,
    memoryBytes: () => singleValue(inMemory('memory.current')) - keyedValue(inMemory('memory.stat'), 'inactive_file'),
  };
}

/** The tightest of the limits from the group up to the mount point; what cannot be read is no limit. */
function tightest({ mountPoint, folder }: Controller, limitIn: (folder: string) => number): number {
  const limits: number[] = [];
  for (let at = folder; at.startsWith(mountPoint); at = join(at, '..')) {
    try {
      limits.push(limitIn(at));
    } catch {
      // the root group has no such file, and a limit of none is no number
    }
    if (at === mountPoint) break;
  }
  return Math.min(...limits.filter((limit) => limit > 0));
}

/** Limits of a control group (R12); infinite where there is none. */
export function cgroupLimits({ version, cpu, memory }: Cgroup, read: ReadText): { cpus: number; memoryBytes: number } {
  const cpus = (folder: string) => {
    const words =
      version === 1
        ? [read(join(folder, 'cpu.cfs_quota_us')), read(join(folder, 'cpu.cfs_period_us'))]
        : read(join(folder, 'cpu.max')).split(' ');
    const [quota = '', period = ''] = words.map((word) => word.trim());
    return singleValue(quota) / singleValue(period);
  };
  const file = version === 1 ? 'memory.limit_in_bytes' : 'memory.max';
  return {
    cpus: tightest(cpu, cpus),
    memoryBytes: tightest(memory, (folder) => singleValue(read(join(folder, file)))),
  };
}
