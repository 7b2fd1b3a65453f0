import { join } from 'node:path';
import { MARKER_FILE } from '../supervisor/arming.ts';

/** Where everything of an installed pwagent stands. The service files and `launchd/user-data.sh` say the same. */
export const PATHS = {
  binary: '/usr/local/bin/pwagent',
  folder: '/etc/pwagent',
  config: '/etc/pwagent/pwagent.yml',
  worker: '/etc/pwagent/worker.yml',
  token: '/etc/pwagent/token',
  /** Holds the id of the instance that may be powered off, or `any`. */
  marker: MARKER_FILE,
  state: '/var/db/pwagent',
  socket: '/var/run/pwagent.sock',
  libexec: '/usr/local/libexec/pwagent',
  deadline: '/usr/local/libexec/pwagent/deadline.sh',
} as const;

/** `path` of the installed machine as a path of this one: below `root`, which is `/` unless files are staged. */
export function inRoot(root: string, path: string): string {
  return root === '/' ? path : join(root, path);
}
