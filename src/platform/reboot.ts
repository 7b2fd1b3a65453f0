import { type Armed, requireArmed } from './armed.ts';
import { openLibc } from './libc.ts';

/** reboot(2): LINUX_REBOOT_CMD_POWER_OFF of <linux/reboot.h>, and RB_HALT of <sys/reboot.h> on macOS. */
const POWER_OFF: Readonly<Record<string, number>> = { linux: 0x4321fedc, darwin: 0x08 };

/** Calls reboot(2); returns what it returns. */
export type RebootCall = (command: number) => number;

/** The number that ends the machine on this system, or undefined where none is known. */
export function powerOffCommand(platform: string): number | undefined {
  return POWER_OFF[platform];
}

function loadReboot(): RebootCall {
  const libc = openLibc({ reboot: { args: ['i32'], returns: 'i32' } });
  return (command) => libc.reboot(command | 0);
}

/**
 * Ends the machine by the system call, without a process, a file or the network. Returns why it did not, or null when
 * the kernel took the order. Throws `AppError` (NO_PERMISSION) unless armed, before the library is even opened.
 */
export function powerOffBySyscall(armed: Armed, platform: string, load: () => RebootCall = loadReboot): string | null {
  requireArmed(armed);
  const command = powerOffCommand(platform);
  if (command === undefined) return `no power-off call is known for ${platform}`;
  return load()(command) === 0 ? null : 'the kernel refused reboot(2)';
}
