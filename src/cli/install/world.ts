import { endListed } from '../../install/end-leftover.ts';
import type { Deps } from '../../install/install.ts';
import { systemRunner, type World } from '../../install/world.ts';
import { AppError } from '../../lib/errors.ts';
import type { Fetch } from '../../platform/bounded-request.ts';
import { systemClock } from '../../platform/clock.ts';
import { createMetadata } from '../../platform/metadata/metadata.ts';
import { listProcesses } from '../../platform/process-table.ts';
import type { CliContext } from '../context.ts';

/** How commands that touch the machine reach it; tests bring their own. */
export interface Machine {
  readonly platform: string;
  readonly uid: number;
  readonly run: World['run'];
  readonly metadataAt: Deps['metadataAt'];
}

const fetching: Fetch = (url, init) => fetch(url, init);

export const thisMachine: Machine = {
  platform: process.platform,
  uid: process.geteuid?.() ?? -1,
  run: systemRunner(systemClock),
  metadataAt: (endpoint) => createMetadata({ endpoint, fetch: fetching, clock: systemClock }),
};

/** What installation, removal and the doctor work with. Throws `AppError` (USAGE) for a root that is no absolute path. */
export function depsOf(
  options: { readonly root: string; readonly awsEndpoint?: string | undefined },
  context: CliContext,
  machine: Machine,
): Deps {
  const { root, awsEndpoint } = options;
  const { platform } = machine;
  if (!root.startsWith('/')) throw new AppError('USAGE', '--root must be an absolute path', { hint: `not "${root}"` });
  if (platform !== 'darwin' && platform !== 'linux') {
    throw new AppError('CONFIG', `pwagent cannot be installed on ${platform}`, { hint: 'macOS and Linux are known' });
  }
  const clock = systemClock;
  return {
    world: {
      platform,
      root: root.length > 1 ? root.replace(/\/+$/, '') || '/' : root,
      uid: machine.uid,
      pid: process.pid,
      clock,
      run: machine.run,
      processes: listProcesses,
      end: (pid, started, signal) => endListed(pid, started, clock, signal),
    },
    metadataAt: machine.metadataAt,
    aws: { fetch: fetching, clock, endpoint: awsEndpoint },
    print: (line) => context.stdout.write(`${line}\n`),
  };
}
