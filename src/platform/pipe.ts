import { dlopen, FFIType, ptr } from 'bun:ffi';
import { closeSync } from 'node:fs';
import { AppError } from '../lib/errors.ts';

/**
 * A pipe of the kernel for the output of children. The runtime's own piped stdio is a socket pair, on which
 * `echo x > /dev/stderr` fails with ENXIO.
 */
export interface OutputPipe {
  /** Descriptor to hand to children as stdout and stderr. */
  readonly writeFd: number;
  /** Closes this process's copy of the write end; call it once the children have theirs. */
  closeWriteEnd(): void;
  /**
   * Hands every chunk to `onData`, one at a time, and resolves when all writers have closed or `close` was called.
   * Rejects with what `onData` throws.
   */
  read(onData: (chunk: Uint8Array) => Promise<void>): Promise<void>;
  /** Stops reading and frees everything. Writers that are left get EPIPE. */
  close(): Promise<void>;
}

const O_CLOEXEC = 0o2000000;

function linuxPipe(): (fds: Int32Array) => number {
  const libc = dlopen('libc.so.6', { pipe2: { args: [FFIType.ptr, FFIType.i32], returns: FFIType.i32 } });
  return (fds) => libc.symbols.pipe2(ptr(fds), O_CLOEXEC);
}

/** macOS has no pipe2, and needs none: there the runtime starts children with POSIX_SPAWN_CLOEXEC_DEFAULT. */
function darwinPipe(): (fds: Int32Array) => number {
  const system = dlopen('libSystem.B.dylib', { pipe: { args: [FFIType.ptr], returns: FFIType.i32 } });
  return (fds) => system.symbols.pipe(ptr(fds));
}

const opened: { pipe?: (fds: Int32Array) => number } = {};

function makeDescriptors(): readonly [readFd: number, writeFd: number] {
  opened.pipe ??= process.platform === 'darwin' ? darwinPipe() : linuxPipe();
  const fds = new Int32Array(2);
  if (opened.pipe(fds) !== 0) {
    throw new AppError('TEMPORARY', 'no pipe could be made', { hint: 'raise the limit of open files (ulimit -n)' });
  }
  return [fds[0] ?? -1, fds[1] ?? -1];
}

/** Calls `action` at its first call only. */
function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (!done) action();
    done = true;
  };
}

/** Opens a pipe whose ends no other child inherits. Throws `AppError` (TEMPORARY) when there are no descriptors left. */
export function openOutputPipe(): OutputPipe {
  const [readFd, writeFd] = makeDescriptors();
  const closeWriteEnd = once(() => closeSync(writeFd));
  const closeReadEnd = once(() => closeSync(readFd));
  const reader = Bun.file(readFd).stream().getReader();
  return {
    writeFd,
    closeWriteEnd,
    async read(onData) {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        await onData(value);
      }
    },
    async close() {
      closeWriteEnd();
      await reader.cancel();
      closeReadEnd();
    },
  };
}
