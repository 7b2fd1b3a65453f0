import { expect, test } from 'bun:test';
import type { Remedy } from '../../../src/supervisor/audit/facts.ts';
import { undo } from '../../../src/supervisor/audit/undo.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const user = { name: 'ci', uid: 501, gid: 20, home: '/Users/ci', shell: '/bin/zsh' };

/** Who runs which command. */
async function commandsOf(remedy: Remedy, platform: string): Promise<string[]> {
  const seen: string[] = [];
  const note = (who: string) => async (argv: readonly string[]) => {
    seen.push(`${who}: ${argv.join(' ')}`);
    return null;
  };
  const processes = { ownPid: 1, list: () => [], signal: () => {} };
  const ports = { platform, user, clock: new FakeClock(), processes, run: note('root'), runAsUser: note('user') };
  await undo({ what: '', remedy }, ports, new AbortController().signal);
  return seen;
}

test.each([
  [
    'linux',
    { tag: 'remove', paths: ['/tmp/a', '/var/spool/cron/crontabs/ci'] },
    ['root: /bin/rm -f -- /var/spool/cron/crontabs/ci', 'user: /bin/rm -rf -- /tmp/a'],
  ],
  [
    'darwin',
    { tag: 'forget-agent', path: '/p.plist' },
    [
      'root: /bin/launchctl bootout gui/501 /p.plist',
      'root: /bin/launchctl bootout user/501 /p.plist',
      'user: /bin/rm -rf -- /p.plist',
    ],
  ],
  ['linux', { tag: 'forget-agent', path: '/p.service' }, ['user: /bin/rm -rf -- /p.service']],
  ['linux', { tag: 'unmount', path: '/m' }, ['root: /bin/umount -l /m']],
  ['darwin', { tag: 'unmount', path: '/m' }, ['root: /sbin/umount -f /m']],
  ['darwin', { tag: 'detach', device: '/dev/disk4' }, ['root: /usr/bin/hdiutil detach -force /dev/disk4']],
  ['linux', { tag: 'none', dirty: true }, []],
] as const)('T09 on %s, %j: files of the user are removed as the user', async (platform, remedy, wanted) => {
  expect(await commandsOf(remedy, platform)).toEqual([...wanted]);
});
