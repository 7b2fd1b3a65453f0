import { spawnSync } from 'node:child_process';

const FLAGS = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private'];

/** Why a test cannot have mounts, a network and process ids of its own; undefined when it can. */
export function namespaceGap(): string | undefined {
  if (process.platform !== 'linux') return 'namespaces are a thing of Linux';
  if (process.getuid?.() !== 0) return 'making a namespace needs root';
  const { status, stderr } = spawnSync('unshare', [...FLAGS, 'true'], { encoding: 'utf8' });
  return status === 0 ? undefined : `unshare does not work here: ${stderr.trim()}`;
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a shell script with mounts, a network (without even loopback) and process ids of its own. What it mounts, and
 * whatever it leaves running, ends with it.
 */
export function runInNamespace(script: string, env: Readonly<Record<string, string>> = {}): Finished {
  const { status, stdout, stderr } = spawnSync('unshare', [...FLAGS, '/bin/sh', '-eu', '-c', script], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', ...env },
    timeout: 60_000,
  });
  return { code: status, stdout, stderr };
}
