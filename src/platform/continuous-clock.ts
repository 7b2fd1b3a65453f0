import { dlopen, FFIType, ptr } from 'bun:ffi';
import { readFileSync } from 'node:fs';

/** Linux: CLOCK_BOOTTIME (7). macOS: mach_continuous_time() scaled by mach_timebase_info(). Both count sleep and never step. */
const CLOCK_BOOTTIME = 7;

function linuxClock(): () => number {
  const libc = dlopen('libc.so.6', {
    clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
  });
  const timespec = new BigInt64Array(2);
  return () => {
    libc.symbols.clock_gettime(CLOCK_BOOTTIME, ptr(timespec));
    return Number(timespec[0]) * 1_000 + Number(timespec[1]) / 1_000_000;
  };
}

function darwinClock(): () => number {
  const system = dlopen('libSystem.B.dylib', {
    mach_continuous_time: { args: [], returns: FFIType.u64 },
    mach_timebase_info: { args: [FFIType.ptr], returns: FFIType.i32 },
  });
  const timebase = new Uint32Array(2);
  system.symbols.mach_timebase_info(ptr(timebase));
  const nanosPerTick = (timebase[0] ?? 1) / (timebase[1] ?? 1);
  return () => (Number(system.symbols.mach_continuous_time()) * nanosPerTick) / 1_000_000;
}

/** /proc/uptime is CLOCK_BOOTTIME too, to 10 ms: for a Linux without glibc. */
function uptimeClock(): () => number {
  return () => Number.parseFloat(readFileSync('/proc/uptime', 'utf8')) * 1_000;
}

function open(): () => number {
  if (process.platform === 'darwin') return darwinClock();
  try {
    return linuxClock();
  } catch {
    return uptimeClock(); // no libc.so.6 under that name
  }
}

const opened: { now?: () => number } = {};

/** Milliseconds since boot on the clock that counts sleep and never steps. */
export function continuousNowMs(): number {
  opened.now ??= open();
  return opened.now();
}
