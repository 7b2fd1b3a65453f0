import { describe, expect, test } from 'bun:test';
import { cgroupLimits, cgroupLoad, findCgroup, keyedValue, singleValue } from '../../../src/agent/resources/cgroup.ts';
import { loadSources } from '../../../src/agent/resources/load-sources.ts';
import { busySecondsOf, machineTotals, usedMemoryOf, usedMemoryOfVmStat } from '../../../src/platform/machine-load.ts';

const V2_MOUNT = '30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n';
const V1_MOUNTS = `31 30 0:27 / /mnt/odd/cpu rw - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 /docker/abc /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct
33 30 0:29 /docker/abc /sys/fs/cgroup/my\\040memory rw - cgroup cgroup rw,memory
`;
const V1_GROUPS = '4:memory:/docker/abc/inner\n3:cpu,cpuacct:/docker/abc\n0::/elsewhere\n';

describe('the control group of a process', () => {
  test.each([
    ['version 2', V2_MOUNT, '0::/system.slice/worker.service\n', 2, '/sys/fs/cgroup/system.slice/worker.service'],
    [
      'version 1 before version 2, in the usual place',
      V2_MOUNT + V1_MOUNTS,
      V1_GROUPS,
      1,
      '/sys/fs/cgroup/cpu,cpuacct',
    ],
    ['a namespace that begins above', V2_MOUNT, '0::/../../other\n', 2, '/sys/fs/cgroup'],
    ['a root that is not the path’s', V2_MOUNT.replace(' / /sys', ' /a /sys'), '0::/b\n', 2, '/sys/fs/cgroup'],
  ])('%s', (_title, mounts, groups, version, cpuFolder) => {
    const found = findCgroup(mounts, groups);
    expect({ version: found?.version, cpu: found?.cpu.folder }).toEqual({ version, cpu: cpuFolder } as never);
  });

  test('names with blanks, and paths below the root of the mount', () => {
    expect(findCgroup(V1_MOUNTS, V1_GROUPS)?.memory.folder).toBe('/sys/fs/cgroup/my memory/inner');
  });

  test.each([
    ['', ''],
    ['nonsense\n', '0::/\n'],
    [V2_MOUNT, ''],
  ])('%j with %j is none', (mounts, groups) => {
    expect(findCgroup(mounts, groups)).toBeUndefined();
  });
});

function reader(files: Record<string, string>) {
  return (path: string) => {
    const text = files[path];
    if (text === undefined) throw new Error(`ENOENT ${path}`);
    return text;
  };
}

const SLICE = '/sys/fs/cgroup/a/b';
const V2 = findCgroup(V2_MOUNT, '0::/a/b\n');
const V1 = findCgroup(V1_MOUNTS, V1_GROUPS);

describe('its figures', () => {
  test('version 2', () => {
    const read = reader({
      [`${SLICE}/cpu.stat`]: 'usage_usec 2500000\nuser_usec 1\n',
      [`${SLICE}/memory.current`]: '1000\n',
      [`${SLICE}/memory.stat`]: 'anon 1\ninactive_file 300\n',
    });
    if (V2 === undefined) throw new Error('none');
    const load = cgroupLoad(V2, read);
    expect([load.cpuSeconds(), load.memoryBytes()]).toEqual([2.5, 700]);
  });

  test('version 1', () => {
    const read = reader({
      '/sys/fs/cgroup/cpu,cpuacct/cpuacct.usage': '1500000000\n',
      '/sys/fs/cgroup/my memory/inner/memory.usage_in_bytes': '1000',
      '/sys/fs/cgroup/my memory/inner/memory.stat': 'inactive_file 1\ntotal_inactive_file 400\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '-1\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
      '/sys/fs/cgroup/my memory/memory.limit_in_bytes': '4096\n',
      '/sys/fs/cgroup/my memory/inner/memory.limit_in_bytes': '9223372036854771712\n',
    });
    if (V1 === undefined) throw new Error('none');
    const load = cgroupLoad(V1, read);
    expect([load.cpuSeconds(), load.memoryBytes()]).toEqual([1.5, 600]);
    expect(cgroupLimits(V1, read)).toEqual({ cpus: Number.POSITIVE_INFINITY, memoryBytes: 4096 });
  });

  test('R12: the tightest limit on the way up counts', () => {
    const read = reader({
      [`${SLICE}/cpu.max`]: 'max 100000\n',
      '/sys/fs/cgroup/a/cpu.max': '150000 100000\n',
      [`${SLICE}/memory.max`]: '2048\n',
      '/sys/fs/cgroup/a/memory.max': 'max\n',
    });
    if (V2 === undefined) throw new Error('none');
    expect(cgroupLimits(V2, read)).toEqual({ cpus: 1.5, memoryBytes: 2048 });
    const { cpus, memoryBytes } = machineTotals();
    const all = (path: string) =>
      path === '/proc/self/mountinfo' ? V2_MOUNT : path === '/proc/self/cgroup' ? '0::/a/b\n' : read(path);
    const unreadable = loadSources(all); // no usage files: the machine alone
    expect(unreadable.map(({ name, cpus: n, totalMemoryBytes: m }) => [name, n, m])).toEqual([
      ['machine', cpus, memoryBytes],
    ]);
  });

  test.each(['', '12x', '-1', '1 2', '1\n\n'])('%j is not a single value', (text) => {
    expect(() => singleValue(text)).toThrow('not a single number');
  });

  test.each(['a  1\n', 'a\n', 'a 1 2\n'])('%j is not a file of keys and values', (text) => {
    expect(() => keyedValue(text, 'a')).toThrow();
  });
});

test('the machine as the kernels tell it', () => {
  expect(busySecondsOf('cpu  100 50 200 9999 888 10 20 30 0 0\ncpu0 1 2 3\n')).toBe(4.1);
  expect(usedMemoryOf('MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    400 kB\n')).toBe(600 * 1024);
  const vmStat = `Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                               10.
Pages active:                            100.
Pages inactive:                           50.
Pages wired down:                         20.
Pages occupied by compressor:              3.
`;
  expect(usedMemoryOfVmStat(vmStat)).toBe(123 * 16384);
});
