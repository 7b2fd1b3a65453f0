import { programGap } from '../support/requirement.ts';

/** Programs that tests need beside Node.js and npm, with the Debian package of each. */
const PROGRAMS: readonly (readonly [program: string, debianPackage: string])[] = [
  ['git', 'git'],
  ['/usr/bin/chromium', 'chromium'],
  ['plistutil', 'libplist-utils'],
  ['shellcheck', 'shellcheck'],
  ['systemd-analyze', 'systemd'],
  ['unshare', 'util-linux'],
  ['shasum', 'perl'],
  ['useradd', 'passwd'],
  ['/usr/sbin/nft', 'nftables'],
  ['ip', 'iproute2'],
];

function apt(...args: string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return Bun.spawnSync(['apt-get', '-q', '-y', ...args], { env, stdio: ['ignore', 'inherit', 'inherit'] }).success;
}

/** Installs what is missing of what tests need (root on Debian); quick when nothing is. Returns what went wrong. */
export function installRequirements(): string | undefined {
  const missing = PROGRAMS.filter(([program]) => programGap(program) !== undefined);
  if (missing.length === 0) return undefined;
  const packages = missing.map(([, debianPackage]) => debianPackage);
  if (process.getuid?.() !== 0 || Bun.which('apt-get') === null) {
    return `${packages.join(', ')} missing; install them, or run as root on Debian`;
  }
  if (!apt('update') || !apt('install', '--no-install-recommends', ...packages)) {
    return `apt-get could not install ${packages.join(', ')}`;
  }
  return missing.map(([program]) => programGap(program)).find((gap) => gap !== undefined);
}
