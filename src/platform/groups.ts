import { readFileSync } from 'node:fs';

/** A group of this machine. */
export interface Group {
  readonly name: string;
  readonly gid: number;
}

function gidOnLinux(name: string): number {
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((text) => text.startsWith(`${name}:`));
  return Number(line?.split(':')[2] ?? Number.NaN);
}

function gidOnDarwin(name: string): number {
  const asked = Bun.spawnSync(['/usr/bin/dscl', '.', '-read', `/Groups/${name}`, 'PrimaryGroupID']);
  return Number(/^PrimaryGroupID:\s*(\d+)$/m.exec(asked.stdout.toString())?.[1] ?? Number.NaN);
}

/** The local group of that name, or undefined where the machine has none. */
export function lookUpGroup(name: string): Group | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name)) return undefined;
  const gid = process.platform === 'darwin' ? gidOnDarwin(name) : gidOnLinux(name);
  return Number.isInteger(gid) ? { name, gid } : undefined;
}
