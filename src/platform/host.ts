import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import os from 'node:os';

/** Go's platform name, which labels and `CIRRUS_OS` use: `linux`, `darwin`, `windows`. */
export function goOs(platform: string = process.platform): string {
  return platform === 'win32' ? 'windows' : platform;
}

/** Go's architecture name, which labels and `CIRRUS_ARCH` use: `amd64`, `arm64`. */
export function goArch(arch: string = process.arch): string {
  return arch === 'x64' ? 'amd64' : arch === 'ia32' ? '386' : arch;
}

/** The host name as the kernel reports it. */
export function hostName(): string {
  return os.hostname();
}

/** Default worker name: the host name, first `.lan`, then `.local` cut from the end. */
export function defaultWorkerName(host: string = hostName()): string {
  return host.replace(/\.lan$/, '').replace(/\.local$/, '');
}

export function tempFolder(): string {
  return os.tmpdir();
}

function bootIdNow(): string {
  if (process.platform === 'linux') return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return Bun.spawnSync(['/usr/sbin/sysctl', '-n', 'kern.bootsessionuuid']).stdout.toString().trim();
}

/**
 * Tells this boot of this machine from every other, machines that were copied from one image included, and containers
 * on one kernel too; undefined where the system does not say. Programs that are restarted find the same.
 */
export function machineInstance(): string | undefined {
  try {
    const boot = bootIdNow();
    if (boot === '') return undefined;
    return createHash('sha256').update(`${boot}\n${hostName()}`).digest('hex').slice(0, 32);
  } catch {
    return undefined; // no such file or program: the worker is then known by its name alone
  }
}

/** Identifies this boot: an age that was stored under another id needs wall time to be carried over. */
export async function bootId(): Promise<string> {
  return bootIdNow();
}
