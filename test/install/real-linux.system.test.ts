import { expect } from 'bun:test';
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { namespaceGap, runInNamespace } from '../support/namespace.ts';
import { programGap, testNeeding } from '../support/requirement.ts';
import { tempFolder } from '../support/temp-folder.ts';

const ROOT = resolve(import.meta.dir, '../..');

/**
 * The machine's own folders with a layer of memory above them: whatever is written is gone with the namespace. In it a
 * stand-in of the metadata service answers at EC2's address, and stand-ins take the place of what would touch init or power.
 */
const MACHINE = `
mount -t tmpfs layer "$S"
for name in etc usr var home; do
  mkdir "$S/$name" "$S/$name.work"
  mount -t overlay layer -o "lowerdir=/$name,upperdir=$S/$name,workdir=$S/$name.work" "/$name"
done
ip link set lo up
ip addr add 169.254.169.254/32 dev lo
for name in shutdown halt poweroff reboot; do
  rm -f "/usr/sbin/$name" "/usr/bin/$name"
  printf '#!/bin/sh\\necho "$0 $*" >>"%s/power"\\n' "$S" >"/usr/sbin/$name"
  chmod 0755 "/usr/sbin/$name"
done
rm -f /usr/bin/systemctl
cat >/usr/bin/systemctl <<END
#!/bin/sh
for name; do :; done
case \\$1 in
is-active) test -e "$S/active-\\$name" ; exit ;;
start | restart) touch "$S/active-\\$name" ;;
stop) rm -f "$S/active-\\$name" ;;
esac
echo "systemctl \\$*" >>"$S/recorded"
END
chmod 0755 /usr/bin/systemctl
mkfifo "$S/orders"
"$BUN" "$ROOT/test/support/fake-metadata-program.ts" 169.254.169.254 80 <"$S/orders" >"$S/address" &
exec 9>"$S/orders"
tries=0
until [ -s "$S/address" ]; do tries=$((tries + 1)); [ $tries -lt 200 ]; sleep 0.05; done
cp /bin/true "$S/pwagent"
pwagent() { code=0; "$BUN" "$ROOT/src/main.ts" "$@" 2>&1 || code=$?; echo "exit $code"; }
part() { echo "=== $1"; }
`;

function overlayGap(): string | undefined {
  using folder = tempFolder();
  const probe =
    'mount -t tmpfs t "$S"; mkdir "$S/u" "$S/w"; mount -t overlay o -o "lowerdir=/etc,upperdir=$S/u,workdir=$S/w" /etc';
  const { code, stderr } = runInNamespace(probe, { S: folder.path });
  return code === 0 ? undefined : `an overlay cannot be mounted here: ${stderr.trim()}`;
}

const gap = namespaceGap() ?? programGap('ip', 'iproute2') ?? programGap('useradd', 'passwd') ?? overlayGap();
const withMachine = testNeeding('installation on a real Linux machine, in a namespace', gap);

/** Runs commands on such a machine; returns what each part printed. */
function onMachine(commands: string): Record<string, string> {
  using folder = tempFolder();
  mkdirSync(`${folder.path}/layer`);
  const env = { S: `${folder.path}/layer`, BUN: process.execPath, ROOT };
  const { code, stdout, stderr } = runInNamespace(MACHINE + commands, env);
  if (code !== 0) throw new Error(`the machine failed with ${code}: ${stdout}${stderr}`);
  const parts = stdout.split(/^=== /m).slice(1);
  return Object.fromEntries(
    parts.map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1)]),
  );
}

withMachine(
  'install, install again, doctor, a new version, uninstall',
  () => {
    const told = onMachine(`
      printf 'while :; do sleep 1; done\\n' >/var/tmp/service_pool.sh
      /bin/bash /var/tmp/service_pool.sh & old=$!
      part listed;    pwagent install --binary "$S/pwagent" --dry-run
      part untouched; kill -0 $old && echo alive; test ! -e /etc/pwagent && echo clean; test ! -e "$S/recorded" && echo silent
      echo t0ken >"$S/token"
      part first;     pwagent install --binary "$S/pwagent" --replace --token-file "$S/token" --rpc-endpoint http://169.254.169.254
      part called;    cat "$S/recorded"; rm "$S/recorded"
      part ended;     kill -0 $old 2>/dev/null || echo ended; test -e /var/tmp/service_pool.sh || echo removed
      part files;     stat -c '%n %a %U' /etc/pwagent/* /etc/systemd/system/pwagent* /usr/local/bin/pwagent /usr/local/libexec/pwagent/* /var/db/pwagent
      part marker;    cat /etc/pwagent/marker
      part account;   getent passwd MacM1-7-worker | cut -d: -f1,6,7; stat -c '%a %U' /home/MacM1-7-worker
      part second;    pwagent install --binary "$S/pwagent" --replace --token-file "$S/token" --rpc-endpoint http://169.254.169.254
      chown nobody /etc/pwagent/token; chmod 0644 /etc/pwagent/token
      part mended;    pwagent install --binary "$S/pwagent"; stat -c '%a %U' /etc/pwagent/token
      part doctor;    pwagent doctor --json --aws-endpoint http://127.0.0.1:9
      cp /bin/false "$S/pwagent"
      part newer;     pwagent install --binary "$S/pwagent"
      part removed;   pwagent uninstall
      part left;      find /etc /usr/local /var/db -path '*pwagent*' | sort
      part power;     cat "$S/power" 2>/dev/null || echo untouched
    `);
    expect(told.listed).toContain('--replace would end process');
    expect(told.listed).toContain('--replace would remove /var/tmp/service_pool.sh');
    expect(told.untouched).toBe('alive\nclean\nsilent\n');
    expect(told.first).toContain('write /etc/pwagent/token (0600)');
    expect(told.first).toEndWith('exit 0\n');
    expect(told.called?.split('\n')).toEqual([
      'systemctl daemon-reload',
      'systemctl start pwagent-deadline.service',
      'systemctl daemon-reload',
      'systemctl start pwagent.service',
      '',
    ]);
    expect(told.ended).toBe('ended\nremoved\n');
    expect(told.files?.trim().split('\n')).toEqual([
      '/etc/pwagent/marker 644 root',
      '/etc/pwagent/pwagent.yml 644 root',
      '/etc/pwagent/token 600 root',
      '/etc/pwagent/worker.yml 600 root',
      '/etc/systemd/system/pwagent-deadline.service 644 root',
      '/etc/systemd/system/pwagent.service 644 root',
      '/usr/local/bin/pwagent 755 root',
      '/usr/local/libexec/pwagent/deadline.sh 755 root',
      '/var/db/pwagent 700 root',
    ]);
    expect(told.marker).toBe('i-0123456789abcdef0\n');
    expect(told.account).toBe('MacM1-7-worker:/home/MacM1-7-worker:/bin/bash\n750 MacM1-7-worker\n');
    expect(told.second).toBe('nothing to do: everything is as it should be\nexit 0\n');
    expect(told.mended?.split('\n').slice(0, 3)).toEqual([
      'give /etc/pwagent/token to root, mode 0600: owner or mode is wrong',
      'exit 0',
      '600 root',
    ]);
    const report = JSON.parse(told.doctor?.split('\n')[0] ?? '') as { checks: { name: string; verdict: string }[] };
    const amiss = report.checks.filter(({ verdict, name }) => verdict !== 'ok' && name !== 'disk'); // memory is small
    expect(amiss.map(({ name, verdict }) => `${verdict} ${name}`)).toEqual(['warn shutdown behaviour']);
    expect(told.newer).toContain('run systemctl restart pwagent.service');
    expect(told.newer).not.toContain('pwagent-deadline');
    expect(told.removed).toEndWith('exit 0\n');
    expect(told.left?.trim().split('\n')).toEqual([
      '/etc/pwagent',
      '/etc/pwagent/pwagent.yml',
      '/etc/pwagent/token',
      '/etc/pwagent/worker.yml',
      '/var/db/pwagent',
    ]);
    expect(told.power).toBe('untouched\n');
  },
  60_000,
);

withMachine(
  'a read-only system, a machine without metadata: one sentence each; an image starts nothing',
  () => {
    const told = onMachine(`
      part readonly; mount -o remount,ro /usr; pwagent install --binary "$S/pwagent"; mount -o remount,rw /usr
      ip addr del 169.254.169.254/32 dev lo
      part unknown;  pwagent install --binary "$S/pwagent"
      part image;    pwagent install --binary "$S/pwagent" --image | tail -1; cat /etc/pwagent/marker
      part started;  cat "$S/recorded" 2>/dev/null || echo nothing
    `);
    expect(told.readonly?.trim().split('\n').at(-2)).toBe(
      'pwagent: could not make folder /usr/local/libexec/pwagent (0755): the file system is read-only; mount it for writing',
    );
    expect(told.readonly).toEndWith('exit 78\n');
    expect(told.unknown).toStartWith(
      'pwagent: no metadata service tells an instance id, so nothing would end this machine',
    );
    expect(told.image).toBe('exit 0\nany\n');
    expect(told.started).toBe('nothing\n');
  },
  60_000,
);
