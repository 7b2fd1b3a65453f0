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

/** Identifies this boot: an age that was stored under another id needs wall time to be carried over. */
export async function bootId(): Promise<string> {
  if (process.platform === 'linux') return (await Bun.file('/proc/sys/kernel/random/boot_id').text()).trim();
  const { stdout } = Bun.spawnSync(['/usr/sbin/sysctl', '-n', 'kern.bootsessionuuid']);
  return stdout.toString().trim();
}
