import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { postgresGap } from '../support/postgres.ts';
import { programGap } from '../support/requirement.ts';

/** Programs that tests need beside Node.js and npm, with the Debian package of each. */
const PROGRAMS: readonly (readonly [program: string, debianPackage: string])[] = [
  ['git', 'git'],
  ['git-lfs', 'git-lfs'],
  ['/usr/bin/chromium', 'chromium'],
  ['plistutil', 'libplist-utils'],
  ['shellcheck', 'shellcheck'],
  ['systemd-analyze', 'systemd'],
  ['unshare', 'util-linux'],
  ['shasum', 'perl'],
  ['useradd', 'passwd'],
  ['/usr/sbin/nft', 'nftables'],
  ['ip', 'iproute2'],
  ['zstd', 'zstd'],
];

/** Something to install: why it cannot be used yet, and the Debian package that brings it. */
interface Requirement {
  readonly gap: () => string | undefined;
  readonly debianPackage: string;
}

const REQUIREMENTS: readonly Requirement[] = [
  ...PROGRAMS.map(([program, debianPackage]) => ({ gap: () => programGap(program), debianPackage })),
  { gap: postgresGap, debianPackage: 'postgresql' },
];

/** Debian asks it before it starts the service of a package; 101 means no. */
const POLICY = '/usr/sbin/policy-rc.d';

/** Runs `run` while no package may start a service of this machine. */
function withoutServices(run: () => boolean): boolean {
  if (existsSync(POLICY)) return run(); // somebody's own policy, which stays
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    return run();
  } finally {
    rmSync(POLICY, { force: true });
  }
}

function apt(...args: string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return Bun.spawnSync(['apt-get', '-q', '-y', ...args], { env, stdio: ['ignore', 'inherit', 'inherit'] }).success;
}

/** Installs what is missing of what tests need (root on Debian); quick when nothing is. Returns what went wrong. */
export function installRequirements(): string | undefined {
  const missing = REQUIREMENTS.filter(({ gap }) => gap() !== undefined);
  if (missing.length === 0) return undefined;
  const packages = missing.map(({ debianPackage }) => debianPackage);
  if (process.getuid?.() !== 0 || Bun.which('apt-get') === null) {
    return `${packages.join(', ')} missing; install them, or run as root on Debian`;
  }
  const install = () => apt('update') && apt('install', '--no-install-recommends', ...packages);
  if (!withoutServices(install)) return `apt-get could not install ${packages.join(', ')}`;
  return missing.map(({ gap }) => gap()).find((gap) => gap !== undefined);
}
