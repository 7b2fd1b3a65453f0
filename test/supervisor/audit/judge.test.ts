import { describe, expect, test } from 'bun:test';
import type { ProcessInfo } from '../../../src/platform/process-table.ts';
import { attribute } from '../../../src/supervisor/audit/attribute.ts';
import type { Snapshot, WatchedKind } from '../../../src/supervisor/audit/facts.ts';
import { type Judged, judge } from '../../../src/supervisor/audit/judge.ts';
import { parseDarwinMounts, parseDiskImages, parseLinuxMounts } from '../../../src/supervisor/audit/mounts.ts';
import { isCache, watchedPlaces } from '../../../src/supervisor/audit/watched.ts';

const UID = 1_001;
const process_ = (pid: number, ppid: number, pgid: number, sid: number, uid = UID): ProcessInfo => ({
  pid,
  ppid,
  pgid,
  sid,
  uid,
  started: `s${pid}`,
  command: `p${pid}`,
});
const pids = (list: readonly ProcessInfo[]) => list.map(({ pid }) => pid);

/** 10 is the worker; 20 the agent of task A with 21 below it; 30 that of task B; 40 a stranger; 90 another user's. */
const TABLE = [
  process_(10, 1, 10, 10),
  process_(20, 10, 20, 20),
  process_(21, 20, 21, 20),
  process_(22, 1, 22, 20),
  process_(30, 10, 30, 30),
  process_(31, 1, 31, 30),
  process_(40, 1, 40, 40),
  process_(90, 1, 20, 20, 0),
];

describe('whose process is it', () => {
  const sort = (markedEnded: number[], markedRunning: number[]) => {
    const { ofTask, unknown } = attribute({ table: TABLE, uid: UID, workerPid: 10, markedEnded, markedRunning });
    return [pids(ofTask), pids(unknown)];
  };

  test('by mark, by descent and by session; never another user', () => {
    expect(sort([21], [30])).toEqual([[20, 21, 22], [40]]);
  });

  test('one that dropped its mark and left every session is of no known task', () => {
    expect(sort([21], [30])[1]).toEqual([40]);
  });

  test('whoever is in doubt belongs to what still runs', () => {
    expect(sort([20], [21])).toEqual([[], [40]]);
  });

  test('a mark in the worker itself ends neither it nor its session', () => {
    expect(sort([10], [])[0]).not.toContain(10);
  });
});

const EMPTY: Snapshot = { wallMs: 0, processes: [], watched: [], mounts: [], images: [], freeBytes: 10 * 2 ** 30 };

function judged(
  changes: Partial<Omit<Judged, 'before' | 'after'>> & { before?: Partial<Snapshot>; after?: Partial<Snapshot> },
) {
  const findings = judge({
    processes: { ofTask: [], unknown: [] },
    strays: { shared: [], home: [] },
    alone: true,
    dedicated: true,
    ...changes,
    before: { ...EMPTY, ...changes.before },
    after: { ...EMPTY, ...changes.after },
  });
  return findings.map(({ what, remedy }) => [
    what,
    remedy.tag === 'none' ? (remedy.dirty ? 'dirty' : 'note') : remedy.tag,
  ]);
}

const watched = (kind: WatchedKind, path: string, print = '1') => [{ kind, path, print }];

describe('the judgement', () => {
  test('nothing changed: clean', () => {
    const same = { watched: watched('cron entry', '/c'), mounts: [{ source: 'x', path: '/m', options: [] }] };
    expect(judged({ before: same, after: same })).toEqual([]);
  });

  test.each([
    ['T10 a process of the task', { processes: { ofTask: [process_(5, 1, 5, 5)], unknown: [] } }, 'end'],
    [
      'of the task, in an account of people',
      { processes: { ofTask: [process_(5, 1, 5, 5)], unknown: [] }, dedicated: false },
      'end',
    ],
    ['T04 of no known task, alone', { processes: { ofTask: [], unknown: [process_(5, 1, 5, 5)] } }, 'end'],
    [
      'of no known task, beside another',
      { processes: { ofTask: [], unknown: [process_(5, 1, 5, 5)] }, alone: false },
      'note',
    ],
    ['T10 a new launch agent', { after: { watched: watched('launch agent', '/a.plist') } }, 'forget-agent'],
    ['T10 a new cron entry', { after: { watched: watched('cron entry', '/c') } }, 'remove'],
    [
      'a new cron entry, in an account of people',
      { after: { watched: watched('cron entry', '/c') }, dedicated: false },
      'dirty',
    ],
    ['T10 a new login item', { after: { watched: watched('login item', '/l') } }, 'dirty'],
    ['a new keychain', { after: { watched: watched('keychain', '/k') } }, 'dirty'],
    [
      'a changed start-up file',
      {
        before: { watched: watched('start-up file', '/r', '1') },
        after: { watched: watched('start-up file', '/r', '2') },
      },
      'dirty',
    ],
    ['a new start-up file', { after: { watched: watched('start-up file', '/r') } }, 'remove'],
    ['a mount', { after: { mounts: [{ source: 's', path: '/m', options: [] }] } }, 'unmount'],
    [
      'a mount beside another task',
      { after: { mounts: [{ source: 's', path: '/m', options: [] }] }, alone: false },
      'note',
    ],
    ['a disk image', { after: { images: [{ file: '/x.dmg', device: '/dev/disk4' }] } }, 'detach'],
    ['a file in /tmp', { strays: { shared: ['/tmp/x'], home: [] } }, 'remove'],
    ['T18 a file in the home', { strays: { shared: [], home: ['/h/bin/tool'] } }, 'dirty'],
    ['T05 disk taken', { after: { freeBytes: 9 * 2 ** 30 } }, 'dirty'],
  ] as const)('%s', (_title, changes, remedy) => {
    expect(judged(changes).map(([, tag]) => tag)).toEqual([remedy]);
  });

  test.each([
    ['files while another task runs', { strays: { shared: ['/tmp/x'], home: ['/h/y'] }, alone: false }],
    ['files in an account of people', { strays: { shared: ['/tmp/x'], home: ['/h/y'] }, dedicated: false }],
    [
      'processes in an account of people',
      { processes: { ofTask: [], unknown: [process_(5, 1, 5, 5)] }, dedicated: false },
    ],
    [
      'a process that stood before',
      {
        before: { processes: [{ pid: 5, started: 's5' }] },
        processes: { ofTask: [], unknown: [process_(5, 1, 5, 5)] },
      },
    ],
    [
      'a file that is told as start-up file',
      {
        strays: { shared: [], home: ['/r'] },
        before: { watched: watched('start-up file', '/r') },
        after: { watched: watched('start-up file', '/r') },
      },
    ],
    ['disk, a little', { after: { freeBytes: 10 * 2 ** 30 - 1_000_000 } }],
  ] as const)('not judged: %s', (_title, changes) => expect(judged(changes)).toEqual([]));

  test('T15 names of tasks are made printable, and only a few are told', () => {
    const shared = Array.from({ length: 9 }, (_, index) => `/tmp/\u001b[2J${index}\n`);
    expect(judged({ strays: { shared, home: [] } })[0]?.[0]).toBe(
      '9 files left in shared folders: /tmp/?[2J0?, /tmp/?[2J1?, /tmp/?[2J2?, /tmp/?[2J3?, /tmp/?[2J4? and 4 more',
    );
  });
});

describe('what the systems print', () => {
  test('/proc/mounts: file systems of that user alone, names unescaped', () => {
    const text = [
      'tmpfs /tmp tmpfs rw 0 0',
      'sshfs#x /home/w/a\\040b fuse.sshfs rw,nosuid,user_id=1001,group_id=1001 0 0',
      'y /mnt fuse rw,user_id=100 0 0',
      '',
    ].join('\n');
    expect(parseLinuxMounts(text, 1_001).map(({ path }) => path)).toEqual(['/home/w/a b']);
  });

  test('mount of macOS: volumes that the user mounted', () => {
    const text = `/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
devfs on /dev (devfs, local, nobrowse)
/dev/disk4s1 on /Volumes/My App on (1) (hfs, local, nodev, nosuid, read-only, noowners, quarantine, mounted by ci)
/dev/disk5s1 on /Volumes/Other (hfs, local, mounted by ci2)
`;
    expect(parseDarwinMounts(text, 'ci').map(({ path }) => path)).toEqual(['/Volumes/My App on (1)']);
  });

  test('hdiutil info: images with their device, those of the system left out', () => {
    const text = `framework       : 671.140.2
driver          : 671.140.2
================================================
image-path      : /Users/ci/tool.dmg
image-alias     : /Users/ci/tool.dmg
system-image    : FALSE
process ID      : 4211
/dev/disk4\tGUID_partition_scheme\t
/dev/disk4s1\t48465300-0000-11AA-AA11-00306543ECAC\t/Volumes/Tool
================================================
image-path      : /System/Library/x.dmg
system-image    : TRUE
/dev/disk6\t\t
`;
    expect(parseDiskImages(text)).toEqual([{ file: '/Users/ci/tool.dmg', device: '/dev/disk4' }]);
    expect(parseDiskImages('')).toEqual([]);
  });
});

describe('where is looked', () => {
  const user = { name: 'ci', uid: 501, gid: 20, home: '/Users/ci', shell: '/bin/zsh' };
  test.each([
    ['darwin', '/Users/ci/Library/LaunchAgents'],
    ['darwin', '/var/at/tabs/ci'],
    ['darwin', '/Users/ci/Library/Keychains'],
    ['linux', '/var/spool/cron/crontabs/ci'],
    ['linux', '/Users/ci/.config/systemd/user'],
    ['linux', '/Users/ci/.ssh/authorized_keys'],
  ])('%s: %s', (platform, path) => expect(watchedPlaces(platform, user).map((place) => place.path)).toContain(path));

  test.each([
    ['.cache/x', true],
    ['.npm', true],
    ['Library/Caches/y', true],
    ['.npmrc', false],
    ['.cachet/x', false],
    ['src/.cache/x', false],
  ])('%s is a cache: %p', (path, cache) => expect(isCache(path)).toBe(cache));
});
