import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** One line of the process table. `started` is opaque: with `pid` it tells a process from a later one of the same id. */
export interface ProcessInfo {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  readonly uid: number;
  /** Session, where the system tells it. */
  readonly sid?: number;
  readonly started: string;
  /** argv joined by spaces, as the process shows it; empty for kernel threads and the dead. */
  readonly command: string;
}

function readLinux(pid: number): ProcessInfo | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the name may hold blanks and brackets
    const [state, ppid, pgid, sid] = fields;
    if (state === 'Z' || state === 'X') return undefined;
    const uid = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    const started = fields[19] ?? '';
    return { pid, ppid: Number(ppid), pgid: Number(pgid), sid: Number(sid), uid: Number(uid), started, command };
  } catch {
    return undefined; // ended while we were looking
  }
}

function listDarwin(pid?: number): ProcessInfo[] {
  const which = pid === undefined ? ['-ax'] : ['-p', String(pid)];
  const asked = Bun.spawnSync(['/bin/ps', ...which, '-ww', '-o', 'pid=,ppid=,pgid=,uid=,stat=,lstart=,command=']);
  const shape = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\S+ +\S+ +\S+ +\S+ +\S+)\s(.*)$/;
  return asked.stdout
    .toString()
    .split('\n')
    .flatMap((line) => {
      const match = shape.exec(line);
      if (match === null || match[5]?.startsWith('Z')) return [];
      const [, id, ppid, pgid, uid, , started = '', command = ''] = match;
      return [
        { pid: Number(id), ppid: Number(ppid), pgid: Number(pgid), uid: Number(uid), started, command: command.trim() },
      ];
    });
}

/** All living processes that this user may see; zombies left out. */
export function listProcesses(): ProcessInfo[] {
  if (process.platform !== 'linux') return listDarwin();
  return readdirSync('/proc').flatMap((name) => {
    const info = /^\d+$/.test(name) ? readLinux(Number(name)) : undefined;
    return info === undefined ? [] : [info];
  });
}

/** The living process of that id, or undefined. */
export function findProcess(pid: number): ProcessInfo | undefined {
  return process.platform === 'linux' ? readLinux(pid) : listDarwin(pid)[0];
}

/**
 * Living processes that work in a folder: their current folder is in it (where the system tells), or their arguments
 * name it. Looks only, so that what has just left or come may be missed.
 */
export function processesIn(folder: string): ProcessInfo[] {
  const isIn = ({ pid, command }: ProcessInfo) => {
    if (command.split(' ').some((word) => word === folder || word.startsWith(`${folder}/`))) return true;
    if (process.platform !== 'linux') return false;
    try {
      const current = readlinkSync(`/proc/${pid}/cwd`);
      return current === folder || current.startsWith(`${folder}/`);
    } catch {
      return false; // another user's, or ended while we were looking
    }
  };
  return listProcesses().filter((info) => info.pid !== process.pid && isIn(info));
}

/** Of `table`, what descends from `pid` by parenthood (without itself), nearest first. */
export function descendantsOf(table: readonly ProcessInfo[], pid: number): ProcessInfo[] {
  const found: ProcessInfo[] = [];
  const queue = [pid];
  for (let parent = queue.shift(); parent !== undefined; parent = queue.shift()) {
    for (const info of table) {
      if (info.ppid !== parent || found.includes(info)) continue;
      found.push(info);
      queue.push(info.pid);
    }
  }
  return found;
}

/** Ids of living processes whose environment holds `NAME=value` exactly; only the caller's own, for others nobody may read. */
export function findByEnvironment(name: string, value: string): number[] {
  const wanted = `${name}=${value}`;
  if (process.platform !== 'linux') {
    const asked = Bun.spawnSync(['/bin/ps', '-axEww', '-o', 'pid=,command=']);
    return asked.stdout
      .toString()
      .split('\n')
      .filter((line) => line.split(' ').includes(wanted))
      .map((line) => Number.parseInt(line, 10));
  }
  return readdirSync('/proc')
    .filter((entry) => {
      if (!/^\d+$/.test(entry)) return false;
      try {
        return readFileSync(`/proc/${entry}/environ`, 'utf8').split('\0').includes(wanted);
      } catch {
        return false; // another user's, or ended while we were looking
      }
    })
    .map(Number);
}
