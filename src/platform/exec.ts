import { ptr } from 'bun:ffi';
import { closeSync, readdirSync, writeSync } from 'node:fs';
import { CONTROL_FD } from './control-channel.ts';
import type { Environment } from './environment.ts';
import { cString, cStrings, lastErrno, openLibc } from './libc.ts';

/** Signals that a runtime ignores, which programs inherit; the numbers are the same on Linux and macOS. */
const INHERITED_IGNORED = { SIGPIPE: 13, SIGXFSZ: 25 };

const CLOSE_RANGE_CLOEXEC = 4;
const SIG_SETMASK = { linux: 2, darwin: 3 } as const;

/** Everything above the control channel ends with the exec. */
function closeTheRest(): void {
  try {
    const { close_range: closeRange } = openLibc({ close_range: { args: ['u32', 'u32', 'i32'], returns: 'i32' } });
    if (closeRange(CONTROL_FD + 1, 0xffffffff, CLOSE_RANGE_CLOEXEC) === 0) return;
  } catch {
    // macOS, or a C library before 2.34: one by one
  }
  for (const name of readdirSync('/dev/fd')) {
    const fd = Number(name);
    if (fd <= CONTROL_FD) continue;
    try {
      closeSync(fd);
    } catch {
      // the descriptor of the folder that was being read
    }
  }
}

function restoreSignals(): void {
  const libc = openLibc({
    signal: { args: ['i32', 'ptr'], returns: 'ptr' },
    sigprocmask: { args: ['i32', 'ptr', 'ptr'], returns: 'i32' },
  });
  for (const number of Object.values(INHERITED_IGNORED)) libc.signal(number, null); // SIG_DFL is the null pointer
  const none = new Uint8Array(128); // larger than any sigset_t
  libc.sigprocmask(process.platform === 'darwin' ? SIG_SETMASK.darwin : SIG_SETMASK.linux, ptr(none), null);
}

/**
 * Becomes another program: same process id, descriptors 0 to 3 kept, all others closed, signals as a new program
 * expects them. `program` is a path. Does not return; when the system refuses, it says so on standard error and the
 * process ends with 78.
 */
export function execProgram(program: string, argv: readonly string[], env: Environment): never {
  const libc = openLibc({
    execve: { args: ['ptr', 'ptr', 'ptr'], returns: 'i32' },
    _exit: { args: ['i32'], returns: 'void' },
  });
  const path = cString(program);
  const words = cStrings(argv);
  const variables = cStrings(
    Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : `${key}=${value}`)),
  );
  restoreSignals();
  closeTheRest();
  libc.execve(ptr(path), ptr(words.pointers), ptr(variables.pointers));
  writeSync(2, `pwagent: ${program} cannot be run (errno ${lastErrno()}); correct the path or its mode\n`);
  libc._exit(78); // the runtime has lost its descriptors and could not end in good order
  throw new Error('unreachable');
}
