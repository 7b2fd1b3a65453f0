import { ptr } from 'bun:ffi';
import { AppError } from '../lib/errors.ts';
import { cString, openLibc } from './libc.ts';

const PR_SET_DUMPABLE = 4;
const PT_DENY_ATTACH = 31;

/**
 * From here on no other process of the same user can read this one's memory or attach to it: prctl(2) on Linux,
 * ptrace(2) on macOS. False where the system refuses or knows neither.
 */
export function makeUndumpable(): boolean {
  try {
    if (process.platform === 'darwin') {
      const { ptrace } = openLibc({ ptrace: { args: ['i32', 'i32', 'ptr', 'i32'], returns: 'i32' } });
      return ptrace(PT_DENY_ATTACH, 0, null, 0) === 0;
    }
    const { prctl } = openLibc({ prctl: { args: ['i32', 'u64', 'u64', 'u64', 'u64'], returns: 'i32' } });
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) === 0;
  } catch {
    return false; // another C library: the process works, with one wall less
  }
}

/** An account, as far as a change to it needs. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const MAX_GROUPS = 1_024;

function openAccounts() {
  return openLibc({
    initgroups: { args: ['ptr', 'u32'], returns: 'i32' },
    getgrouplist: { args: ['ptr', 'u32', 'ptr', 'ptr'], returns: 'i32' },
    getgroups: { args: ['i32', 'ptr'], returns: 'i32' },
    setgid: { args: ['u32'], returns: 'i32' },
    setuid: { args: ['u32'], returns: 'i32' },
    getuid: { args: [], returns: 'u32' },
    geteuid: { args: [], returns: 'u32' },
    getgid: { args: [], returns: 'u32' },
    getegid: { args: [], returns: 'u32' },
  });
}

type Accounts = ReturnType<typeof openAccounts>;

function refuse({ name }: Account, what: string): never {
  throw new AppError('NO_PERMISSION', `this process cannot become ${name}: ${what}`, {
    hint: 'the supervisor must run as root to start the worker as another user',
  });
}

/** Every group of the account, its own included. */
function groupsOf(libc: Accounts, { name, gid }: Account): Set<number> {
  const ids = new Uint32Array(MAX_GROUPS);
  const count = new Int32Array([MAX_GROUPS]);
  libc.getgrouplist(cString(name), gid, ptr(ids), ptr(count));
  return new Set([gid, ...ids.slice(0, Math.max(0, Math.min(MAX_GROUPS, count[0] ?? 0)))]);
}

function currentGroups(libc: Accounts): Set<number> {
  const ids = new Uint32Array(MAX_GROUPS);
  return new Set(ids.slice(0, Math.max(0, libc.getgroups(MAX_GROUPS, ptr(ids)))));
}

/** Real, effective and saved ids; macOS tells no saved ones, so there the way back is tried instead. */
function checkIds(libc: Accounts, account: Account): void {
  const { uid, gid } = account;
  const ids = [libc.getuid(), libc.geteuid(), libc.getgid(), libc.getegid()];
  if (ids.some((id, index) => id !== (index < 2 ? uid : gid))) refuse(account, 'the system kept other ids');
  if (process.platform === 'linux') {
    const calls = { args: ['ptr', 'ptr', 'ptr'], returns: 'i32' } as const;
    const { getresuid, getresgid } = openLibc({ getresuid: calls, getresgid: calls });
    const held = new Uint32Array(6);
    const at = (index: number) => ptr(held, index * 4);
    getresuid(at(0), at(1), at(2));
    getresgid(at(3), at(4), at(5));
    if (held.some((id, index) => id !== (index < 3 ? uid : gid))) refuse(account, 'the system kept other saved ids');
  }
  if (libc.setuid(0) === 0) refuse(account, 'the way back to root is open');
  if (gid !== 0 && libc.setgid(0) === 0) refuse(account, 'the way back to the group of root is open');
}

/**
 * Makes this process one of `account` for good: all its supplementary groups and no others, group, user, and a check of
 * each that asks the system anew. Throws `AppError` (NO_PERMISSION); the process must end then, since it may stand
 * half way.
 */
export function becomeUser(account: Account): void {
  if (account.uid === 0) refuse(account, 'it is root');
  const libc = openAccounts();
  const wanted = groupsOf(libc, account);
  if (libc.setgid(account.gid) !== 0) refuse(account, 'its group is refused');
  if (libc.initgroups(cString(account.name), account.gid) !== 0) refuse(account, 'its groups are refused');
  if (libc.setuid(account.uid) !== 0) refuse(account, 'its id is refused');
  const held = currentGroups(libc);
  const foreign = [...held].filter((id) => !wanted.has(id));
  if (foreign.length > 0) refuse(account, `it would keep the groups ${foreign.join(', ')}`);
  // macOS shows at most 16 of them and asks its directory for the rest
  const missing = process.platform === 'linux' ? [...wanted].filter((id) => !held.has(id)) : [];
  if (missing.length > 0) refuse(account, `it lacks the groups ${missing.join(', ')}`);
  checkIds(libc, account);
}
