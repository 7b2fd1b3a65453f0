import { type ChildProcess, spawn as nodeSpawn } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import type { Duplex, Readable, Writable } from 'node:stream';
import { AppError } from '../lib/errors.ts';
import type { Environment } from './environment.ts';
import { commandAs } from './exec-as.ts';
import { errnoOf } from './files.ts';
import type { Account } from './privileges.ts';

type Stdio = 'ignore' | 'inherit' | 'pipe' | number;

export interface SpawnOptions {
  readonly argv: readonly string[];
  /** The complete environment of the child: nothing is inherited. */
  readonly env: Environment;
  readonly cwd?: string;
  readonly stdin?: Stdio;
  readonly stdout?: Stdio;
  readonly stderr?: Stdio;
  /** Opens a two-way channel that the child finds as descriptor 3 (see `control-channel.ts`). */
  readonly control?: boolean;
  /** Own session and process group, so that `signalGroup` reaches all that the child starts. Default true. */
  readonly ownGroup?: boolean;
  /** Run as this account with all its groups, through `pwagent exec-as`: what hinders it shows as exit 78. Needs root. */
  readonly user?: Account;
}

/** How a process ended: one of the two is null. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child {
  readonly pid: number;
  /** Settles once the process itself has ended; its descendants may live on. Never rejects. */
  readonly exited: Promise<Exit>;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly control: Duplex | null;
  /** Sends to the process alone. A process that is gone is no error. */
  signal(signal: NodeJS.Signals): void;
  /** Sends to its whole group, the leader dead or alive. A group that is gone is no error. */
  signalGroup(signal: NodeJS.Signals): void;
}

/** Sends a signal to a process (or, with a negative id, a group). False when there is none or it is not ours. */
export function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false; // gone already (ESRCH) or another user's (EPERM)
  }
}

/** What the system has run out of when it starts no program. */
const SCARCITY: Readonly<Record<string, { readonly what: string; readonly hint: string }>> = {
  EMFILE: {
    what: 'this process has too many files open',
    hint: 'raise its limit (ulimit -n), or run fewer tasks at a time',
  },
  ENFILE: { what: 'this machine has too many files open', hint: 'raise its limit, or end what holds them' },
  EAGAIN: { what: 'no further process is allowed', hint: 'raise the limit of processes (ulimit -u), or end what runs' },
  ENOMEM: { what: 'there is no memory left', hint: 'end what uses it, or run fewer tasks at a time' },
};

function mayEnter(folder: string): boolean {
  try {
    accessSync(folder, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function spawnError(error: unknown, { argv: [program = ''], cwd }: SpawnOptions): AppError {
  const errno = errnoOf(error);
  const because = (message: string, hint?: string) => new AppError('CONFIG', message, { hint, cause: error });
  // The system reports a wrong folder as if the program were at fault.
  if (cwd !== undefined && !existsSync(cwd)) return because(`folder ${cwd} does not exist`, 'create it');
  if (cwd !== undefined && !statSync(cwd).isDirectory()) return because(`${cwd} is not a folder`, 'correct the path');
  if (cwd !== undefined && errno === 'EACCES' && !mayEnter(cwd)) {
    return because(`this user may not enter the folder ${cwd}`, `run chmod u+x ${cwd} as its owner`);
  }
  if (errno === 'ENOENT' && program.includes('/') && existsSync(program)) {
    return because(`the interpreter that ${program} names in its first line was not found`, 'install it or correct it');
  }
  if (errno === 'ENOENT') return because(`program ${program} was not found`, 'install it or correct the path');
  if (errno === 'EACCES') return because(`${program} is not executable`, `run chmod +x ${program}`);
  if (errno === 'E2BIG') {
    return because(`${program} cannot be given so many or so long arguments and variables`, 'make them smaller');
  }
  if (errno === 'ENOEXEC') return because(`${program} is not a program of this system`, 'a script needs a #! line');
  const scarce = SCARCITY[errno ?? ''];
  if (scarce !== undefined) return because(`${program} could not be started (${errno}): ${scarce.what}`, scarce.hint);
  return because(`${program} could not be started (${errno ?? String(error)})`);
}

function wrap(child: ChildProcess, pid: number): Child {
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  return {
    pid,
    exited,
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    control: (child.stdio[3] as Duplex | null | undefined) ?? null,
    signal: (signal) => void sendSignal(pid, signal),
    signalGroup: (signal) => void sendSignal(-pid, signal),
  };
}

/** Starts a program. Rejects with an `AppError` that says why when it cannot be started. */
export function spawn(options: SpawnOptions): Promise<Child> {
  const { argv, env } = options.user === undefined ? options : commandAs({ ...options, user: options.user });
  const [program = '', ...args] = argv;
  const stdio: Stdio[] = [options.stdin ?? 'ignore', options.stdout ?? 'ignore', options.stderr ?? 'ignore'];
  if (options.control) stdio.push('pipe');
  return new Promise((resolve, reject) => {
    const onError = (error: unknown) => reject(spawnError(error, options));
    try {
      const child = nodeSpawn(program, args, {
        cwd: options.cwd,
        env: { ...env },
        stdio,
        detached: options.ownGroup ?? true,
      });
      child.on('error', onError);
      if (child.pid !== undefined) resolve(wrap(child, child.pid));
    } catch (error) {
      onError(error); // a missing program is thrown, not emitted, by some runtimes
    }
  });
}
