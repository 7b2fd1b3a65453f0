import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listProcesses } from '../../src/platform/process-table.ts';
import { lookUpUser, type User } from '../../src/platform/users.ts';
import { programGap } from './requirement.ts';

/** Why no throw-away user can be made here, or undefined when one can. */
export function userGap(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'throw-away users need root on Linux';
  return programGap('useradd', 'passwd');
}

/** The account files have one lock, and tests run side by side. */
function administer(...argv: string[]): void {
  for (let attempt = 0; ; attempt += 1) {
    const { success, stderr } = Bun.spawnSync(argv, { stdio: ['ignore', 'ignore', 'pipe'] });
    if (success) return;
    const text = stderr.toString();
    if (!text.includes('lock') || attempt >= 100) throw new Error(`${argv.join(' ')}: ${text}`);
    Bun.sleepSync(50);
  }
}

export interface ThrowAwayUser extends User {
  /** A second group that the user is in. */
  readonly extraGroup: { readonly name: string; readonly gid: number };
  /** Ends whatever still runs as the user, and removes user, groups and home. */
  [Symbol.dispose](): void;
}

/** The ids of processes that run as that user, which none but the test made. */
export function processesOf(uid: number): number[] {
  return listProcesses()
    .filter((info) => info.uid === uid)
    .map(({ pid }) => pid);
}

function endAll(uid: number): void {
  for (let round = 0; round < 100; round += 1) {
    const left = processesOf(uid);
    if (left.length === 0) return;
    for (const name of ['SIGSTOP', 'SIGKILL'] as const) {
      for (const pid of processesOf(uid)) {
        try {
          process.kill(pid, name);
        } catch {
          // ended by itself
        }
      }
    }
    Bun.sleepSync(10);
  }
}

function groupId(name: string): number {
  return Number(Bun.spawnSync(['getent', 'group', name]).stdout.toString().split(':')[2]);
}

/** A new user with a home of its own, in its own group and a second one. */
export function throwAwayUser(): ThrowAwayUser {
  const name = `pwt-${randomBytes(4).toString('hex')}`;
  const extra = `${name}-x`;
  const base = mkdtempSync(join(tmpdir(), 'pwagent-user-'));
  const remove = (uid: number | undefined) => {
    if (uid !== undefined && uid >= 1_000) endAll(uid);
    if (uid !== undefined) administer('userdel', '--force', name);
    if (Number.isInteger(groupId(extra)) && groupId(extra) > 0) administer('groupdel', extra);
    rmSync(base, { recursive: true, force: true });
  };
  try {
    chmodSync(base, 0o755);
    administer('groupadd', extra);
    const home = join(base, 'home');
    administer(
      'useradd',
      '--user-group',
      '--groups',
      extra,
      '--create-home',
      '--home-dir',
      home,
      '-s',
      '/bin/sh',
      name,
    );
    const user = lookUpUser(name);
    if (user === undefined) throw new Error(`${name} was made and is not there`);
    const extraGroup = { name: extra, gid: groupId(extra) };
    return { ...user, extraGroup, [Symbol.dispose]: () => remove(user.uid) };
  } catch (error) {
    remove(lookUpUser(name)?.uid);
    throw error;
  }
}
