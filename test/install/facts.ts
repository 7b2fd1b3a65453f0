import type { ConfigSummary, InstallFacts, InstallOptions } from '../../src/install/facts.ts';
import { pathsToLookAt } from '../../src/install/plan-install.ts';
import type { Seen } from '../../src/install/seen.ts';
import type { Platform } from '../../src/install/services.ts';

export const OPTIONS: InstallOptions = {
  image: false,
  replace: false,
  name: undefined,
  user: undefined,
  configText: undefined,
  workerText: undefined,
  token: undefined,
};

export const CONFIG: ConfigSummary = {
  name: undefined,
  user: 'mac-7-worker',
  dedicated: true,
  builtin: true,
  workerFile: '/etc/pwagent/worker.yml',
  tokenFile: '/etc/pwagent/token',
  stateDir: '/var/db/pwagent',
  namesShutdown: false,
  endpoint: 'http://169.254.169.254',
  readyTag: 'PWPoolReady',
  socket: '/var/run/pwagent.sock',
  minFreeBytes: 5 * 2 ** 30,
};

/** A fresh EC2 machine, told as an installation sees it; `seen` and the rest of `change` replace parts of it. */
export function freshMachine(
  platform: Platform,
  { seen = {}, ...change }: Partial<Omit<InstallFacts, 'seen'>> & { seen?: Readonly<Record<string, Seen>> } = {},
): InstallFacts {
  const nothing = pathsToLookAt({ platform, config: change.config }).map((path): [string, Seen] => [
    path,
    path.startsWith('/etc/pwagent') || /pwagent/.test(path)
      ? { kind: 'absent' }
      : { kind: 'folder', mode: 0o755, uid: 0 },
  ]);
  return {
    platform,
    root: '/',
    uid: 0,
    binary: { path: '/tmp/pwagent', sha256: 'aa' },
    signature: { quarantined: false, valid: true },
    instanceId: 'i-0123456789abcdef0',
    config: undefined,
    user: { name: 'mac-7-worker', exists: false },
    canMakeUser: true,
    loaded: { deadline: false, supervisor: false },
    leftovers: [],
    ...change,
    seen: new Map([...nothing, ...Object.entries(seen)]),
  };
}
