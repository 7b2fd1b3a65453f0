import { expect } from 'bun:test';
import { chmodSync, readFileSync, readlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import { programGap, testNeeding } from '../support/requirement.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { userGap } from '../support/throw-away-user.ts';
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
  'armed: makes the account that its worker lacks, keeps it from the metadata service, and at its age climbs every rung',
  async () => {
    using scratch = tempFolder();
    chmodSync(scratch.path, 0o755);
    const own = ['net', 'pid', 'mnt'].map((name) => readlinkSync(`/proc/self/ns/${name}`)).join();
    const namespaces = ['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
    const powerless = ['setpriv', '--bounding-set', '-sys_boot', '--inh-caps', '-sys_boot', '--'];
    const scene = [resolve(import.meta.dir, 'fixtures/armed-scene.ts'), scratch.path, BINARY, own];
    const child = Bun.spawn([...namespaces, ...powerless, process.execPath, ...scene], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    await child.exited;
    expect(err).toBe('');
    expect(readFileSync('/etc/passwd', 'utf8')).not.toContain('-scene-worker');
    expect(JSON.parse(out)).toEqual({
      notes: ['/sbin/shutdown -h now', '/sbin/shutdown -h now', '/bin/systemctl poweroff --force'],
      order: ['command', 'command', 'force', 'terminate', 'syscall'],
      code: 0,
      guardLeft: '',
      home: [true, '750'],
    });
  },
  90_000,
);
