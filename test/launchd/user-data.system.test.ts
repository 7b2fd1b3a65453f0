import { describe, expect } from 'bun:test';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { namespaceGap, runInNamespace } from '../support/namespace.ts';
import { programGap, testNeeding } from '../support/requirement.ts';
import { tempFolder } from '../support/temp-folder.ts';

const SCRIPT = readFileSync(resolve(import.meta.dir, '../../launchd/user-data.sh'), 'utf8');
const withNamespace = testNeeding('user data run as on a Mac', namespaceGap() ?? programGap('shasum', 'perl'));

/** Notes how it was called; `answers` is shell that decides what comes of it. */
function standIn(path: string, answers = 'exit 0'): void {
  writeFileSync(path, `#!/bin/sh\necho "\${0##*/} $*" >>/recorded\n${answers}\n`);
  chmodSync(path, 0o755);
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

interface Mac {
  readonly served?: Readonly<Record<string, string>>;
  readonly values?: Readonly<Record<string, string>>;
  /** Shell of the stand-ins, by name. */
  readonly answers?: Readonly<Record<string, string>>;
}

const PWAGENT = '#!/bin/sh\necho "pwagent $*" >>/recorded\n[ "$1" != install ] || [ ! -e /refuses ] || exit 1\n';
const VALUES = {
  PWAGENT_URL: 'https://files.example/pwagent',
  PWAGENT_SHA256: sha256(PWAGENT),
  TOKEN_SOURCE: 'ssm:/pool/token',
  RPC_ENDPOINT: 'https://hub.example:7481',
};

/** A root folder that looks like a fresh Mac as far as the script can tell, with stand-ins for what Linux lacks. */
function runOnMac(root: string, { served = {}, values = {}, answers = {} }: Mac) {
  for (const folder of [
    'usr',
    'sbin',
    'Library',
    'var/root',
    'var/log',
    'var/db',
    'etc',
    'tmp',
    'dev',
    'proc',
    'served',
    'local',
    'over',
  ]) {
    mkdirSync(`${root}/${folder}`, { recursive: true });
  }
  for (const link of ['bin', 'lib', 'lib64'])
    if (existsSync(`/usr/${link}`)) symlinkSync(`usr/${link}`, `${root}/${link}`);
  const told = {
    launchctl: '[ "$1" != print ] || exit 113',
    codesign: '',
    xattr: '',
    sysadminctl: '',
    shutdown: '',
    sleep: '',
    ...answers,
  };
  for (const [name, shell] of Object.entries(told)) standIn(`${root}/sbin/${name}`, shell);
  standIn(
    `${root}/over/curl`,
    'while [ $# -gt 1 ]; do [ "$1" != -o ] || to=$2; shift; done; cp "/served/${1##*/}" "$to" 2>/dev/null || exit 22',
  );
  const files: Record<string, string> = { pwagent: PWAGENT, ...served };
  for (const [name, text] of Object.entries(files)) writeFileSync(`${root}/served/${name}`, text);
  const filled = Object.entries<string>({ ...VALUES, ...values }).reduce(
    (text, [name, value]) => text.replace(new RegExp(`^${name}=''`, 'm'), `${name}='${value}'`),
    SCRIPT,
  );
  writeFileSync(`${root}/user-data`, filled, { mode: 0o700 });
  writeFileSync(`${root}/recorded`, '');
  const { code, stdout } = runInNamespace(
    `
    mount --rbind /usr "$R/usr"
    mount --bind "$R/local" "$R/usr/local"
    mount --bind "$R/over/curl" "$R/usr/bin/curl"
    mount --bind "$R/sbin/sleep" "$R/usr/bin/sleep"
    for name in shutdown halt poweroff reboot systemctl; do
      for folder in bin sbin; do
        [ ! -e "$R/usr/$folder/$name" ] || mount --bind "$R/sbin/shutdown" "$R/usr/$folder/$name"
      done
    done
    mount --rbind /dev "$R/dev"
    mount -t proc proc "$R/proc"
    exec chroot "$R" /user-data 2>&1
    `,
    { R: root },
  );
  return { code, said: stdout, called: readFileSync(`${root}/recorded`, 'utf8').trim().split('\n') };
}

describe('user data on a fresh Mac', () => {
  withNamespace(
    'deadline, executable, set-up, registration: in that order',
    () => {
      using root = tempFolder();
      const setup = '#!/bin/sh\necho "setup.script" >>/recorded\n[ ! -e /etc/pwagent ]\n';
      const { code, called, said } = runOnMac(root.path, {
        served: { 'setup.sh': setup },
        values: { SETUP_URL: 'https://files.example/setup.sh', SETUP_SHA256: sha256(setup).toUpperCase() },
      });
      expect([code, said.includes('pwagent user data: done')]).toEqual([0, true]);
      expect(
        called.map((line) => line.replace(/\/var\/root\/pwagent\.\w+/g, 'SCRATCH').replace(/^curl .* -o/, 'curl -o')),
      ).toEqual([
        'launchctl print system/dev.pwagent.deadline',
        'launchctl bootstrap system /Library/LaunchDaemons/dev.pwagent.deadline.plist',
        'curl -o SCRATCH/pwagent https://files.example/pwagent',
        'xattr -d com.apple.quarantine SCRATCH/pwagent',
        'codesign --verify --strict SCRATCH/pwagent',
        'pwagent version',
        'curl -o SCRATCH/setup.script https://files.example/setup.sh',
        'setup.script',
        'pwagent install --replace --token-source ssm:/pool/token --rpc-endpoint https://hub.example:7481',
        'pwagent doctor',
      ]);
      const at = (path: string) => statSync(`${root.path}/${path}`).mode & 0o777;
      expect(at('local/libexec/pwagent/deadline.sh')).toBe(0o755);
      expect(at('Library/LaunchDaemons/dev.pwagent.deadline.plist')).toBe(0o644);
      expect(at('local/bin/pwagent')).toBe(0o755);
      const launchd = resolve(import.meta.dir, '../../launchd');
      for (const [placed, own] of [
        ['local/libexec/pwagent/deadline.sh', 'deadline.sh'],
        ['Library/LaunchDaemons/dev.pwagent.deadline.plist', 'dev.pwagent.deadline.plist'],
      ] as const) {
        expect(readFileSync(`${root.path}/${placed}`, 'utf8')).toBe(readFileSync(`${launchd}/${own}`, 'utf8'));
      }
    },
    60_000,
  );

  withNamespace(
    'a signature that macOS refuses is made anew',
    () => {
      using root = tempFolder();
      const { code, called } = runOnMac(root.path, { answers: { codesign: '[ "$1" != --verify ]' } });
      expect(code).toBe(0);
      expect(called.some((line) => line.startsWith('codesign --force -s - '))).toBe(true);
    },
    60_000,
  );

  const failures: readonly (readonly [string, Mac, RegExp])[] = [
    ['an executable with another SHA-256', { values: { PWAGENT_SHA256: 'ab'.repeat(32) } }, /pwagent has SHA-256/],
    ['no SHA-256', { values: { PWAGENT_SHA256: '' } }, /pwagent has SHA-256/],
    ['nothing at the address', { values: { PWAGENT_URL: 'https://files.example/gone' } }, /could not be fetched/],
    ['an address without TLS', { values: { PWAGENT_URL: 'http://files.example/pwagent' } }, /is no https address/],
    [
      'a set-up that fails',
      {
        served: { s: '#!/bin/sh\nexit 7\n' },
        values: { SETUP_URL: 'https://x/s', SETUP_SHA256: sha256('#!/bin/sh\nexit 7\n') },
      },
      /setup\.script failed with 7/,
    ],
  ];
  for (const [title, mac, sentence] of failures) {
    withNamespace(
      `A39 ${title}: no registration, the deadline stays`,
      () => {
        using root = tempFolder();
        const { code, said, called } = runOnMac(root.path, mac);
        expect(code).toBe(1);
        expect(said).toMatch(sentence);
        expect(called.filter((line) => line.startsWith('pwagent install'))).toEqual([]);
        expect(called).toContain('launchctl bootstrap system /Library/LaunchDaemons/dev.pwagent.deadline.plist');
        expect(existsSync(`${root.path}/local/libexec/pwagent/deadline.sh`)).toBe(true);
      },
      60_000,
    );
  }

  withNamespace(
    'installation is tried again, ten times, and then given up',
    () => {
      using root = tempFolder();
      writeFileSync(`${root.path}/refuses`, '');
      const { code, said, called } = runOnMac(root.path, {});
      expect([code, called.filter((line) => line.startsWith('pwagent install')).length]).toEqual([1, 10]);
      expect(said).toContain('pwagent install failed');
    },
    60_000,
  );

  withNamespace(
    'without launchd the deadline runs all the same',
    () => {
      using root = tempFolder();
      const { code, called } = runOnMac(root.path, { answers: { launchctl: 'exit 5', sleep: 'exit 1' } });
      expect(code).toBe(0);
      expect(called).toContain('pwagent doctor');
      expect(existsSync(`${root.path}/var/log/pwagent-deadline.log`)).toBe(true);
    },
    60_000,
  );
});
