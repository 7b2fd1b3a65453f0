import { readFileSync } from 'node:fs';
import os from 'node:os';

/** An account of this machine. */
export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

function parsePasswdLine(line: string): User | undefined {
  const [name, , uid, gid, , home, shell] = line.split(':');
  if (name === undefined || uid === undefined || gid === undefined || home === undefined) return undefined;
  return { name, uid: Number(uid), gid: Number(gid), home, shell: shell || '/bin/sh' };
}

function lookUpLinux(name: string): User | undefined {
  const own = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((line) => line.startsWith(`${name}:`));
  if (own !== undefined) return parsePasswdLine(own);
  const asked = Bun.spawnSync(['getent', 'passwd', '--', name]); // accounts of a directory service
  return asked.success ? parsePasswdLine(asked.stdout.toString().trim()) : undefined;
}

function lookUpDarwin(name: string): User | undefined {
  const keys = ['UniqueID', 'PrimaryGroupID', 'NFSHomeDirectory', 'UserShell'];
  const asked = Bun.spawnSync(['/usr/bin/dscl', '.', '-read', `/Users/${name}`, ...keys]);
  if (!asked.success) return undefined;
  const read = (key: string) => new RegExp(`^${key}:\\s*(.*)$`, 'm').exec(asked.stdout.toString())?.[1]?.trim();
  const uid = Number(read('UniqueID'));
  const gid = Number(read('PrimaryGroupID'));
  if (!Number.isInteger(uid) || !Number.isInteger(gid)) return undefined;
  return { name, uid, gid, home: read('NFSHomeDirectory') ?? '/', shell: read('UserShell') ?? '/bin/sh' };
}

/** The account of that name, or undefined where the machine has none. */
export function lookUpUser(name: string): User | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_.-]*\$?$/.test(name)) return undefined;
  return process.platform === 'darwin' ? lookUpDarwin(name) : lookUpLinux(name);
}

/** The name of the account with that id, or undefined where the machine has none. */
function nameOf(uid: number): string | undefined {
  const asked = Bun.spawnSync(['/usr/bin/id', '-un', String(uid)]);
  return asked.success ? asked.stdout.toString().trim() : undefined;
}

/**
 * The account that this process runs as. The system's own record is asked first: the runtime takes name and shell from
 * USER and SHELL, which a service manager does not set.
 */
export function currentUser(): User {
  const info = os.userInfo();
  const name = nameOf(info.uid);
  const account = name === undefined ? undefined : lookUpUser(name);
  if (account !== undefined && account.uid === info.uid) return account;
  const shell = info.shell?.startsWith('/') ? info.shell : '/bin/sh'; // an id without an account has the shell `unknown`
  return { name: info.username, uid: info.uid, gid: info.gid, home: info.homedir, shell };
}
