import { expect } from 'bun:test';
import { chmodSync, readlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import { programGap, testNeeding } from '../support/requirement.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { throwAwayUser, userGap } from '../support/throw-away-user.ts';
import { BINARY } from './cluster.ts';

const PROGRAMS = [
  ['/usr/sbin/nft', 'nftables'],
  ['ip', 'iproute2'],
  ['unshare', 'util-linux'],
  ['setpriv', 'util-linux'],
  ['/sbin/shutdown', 'systemd-sysv'],
] as const;
const gap = PROGRAMS.map(([program, debian]) => programGap(program, debian)).find((found) => found !== undefined);
const alone = testNeeding('an armed supervisor in namespaces of its own', userGap() ?? gap);

alone(
  'armed: keeps the worker from the metadata service, and at its age climbs every rung',
  async () => {
    using user = throwAwayUser();
    using scratch = tempFolder();
    chmodSync(scratch.path, 0o755);
    const own = ['net', 'pid', 'mnt'].map((name) => readlinkSync(`/proc/self/ns/${name}`)).join();
    const namespaces = ['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
    const powerless = ['setpriv', '--bounding-set', '-sys_boot', '--inh-caps', '-sys_boot', '--'];
    const scene = [
      resolve(import.meta.dir, 'fixtures/armed-scene.ts'),
      scratch.path,
      BINARY,
      user.name,
      `${user.uid}`,
      own,
    ];
    const child = Bun.spawn([...namespaces, ...powerless, process.execPath, ...scene], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    await child.exited;
    expect(err).toBe('');
    expect(JSON.parse(out)).toEqual({
      notes: ['/sbin/shutdown -h now', '/sbin/shutdown -h now', '/bin/systemctl poweroff --force'],
      order: ['command', 'command', 'force', 'terminate', 'syscall'],
      code: 0,
      guardLeft: '',
    });
  },
  90_000,
);
