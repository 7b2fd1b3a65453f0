import { expect } from 'bun:test';
import { resolve } from 'node:path';
import { programGap, testNeeding } from '../../support/requirement.ts';
import { throwAwayUser, userGap } from '../../support/throw-away-user.ts';

function namespaceGap(): string | undefined {
  const missing =
    programGap('/usr/sbin/nft', 'nftables') ?? programGap('ip', 'iproute2') ?? programGap('unshare', 'util-linux');
  if (missing !== undefined) return missing;
  const tried = Bun.spawnSync(['unshare', '--net', '/usr/sbin/nft', 'list', 'ruleset']);
  return tried.success ? undefined : `nftables does not work in a namespace here: ${tried.stderr.toString().trim()}`;
}

const inNamespace = testNeeding('the packet filter in a network namespace', userGap() ?? namespaceGap());

inNamespace(
  'T11 the real packet filter: the user is refused, root is served, and nothing else is touched',
  async () => {
    using user = throwAwayUser();
    const scene = resolve(import.meta.dir, 'fixtures/guard-scene.ts');
    // Namespaces of its own, and no right to end a machine: the scene holds an armed permit.
    const alone = ['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
    const powerless = ['setpriv', '--bounding-set', '-sys_boot', '--inh-caps', '-sys_boot', '--'];
    const child = Bun.spawn(
      [...alone, ...powerless, process.execPath, scene, user.name, `${user.uid}`, `${user.gid}`],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    await child.exited;
    const all = 'root served, user served, root served, user served';
    expect(err).toBe('');
    expect(JSON.parse(out)).toEqual({
      before: all,
      guard: 'active',
      during: 'root served, user refused, root served, user refused',
      rules: '2',
      removed: 'null',
      after: all,
      tables: 'table inet other',
    });
  },
  30_000,
);
