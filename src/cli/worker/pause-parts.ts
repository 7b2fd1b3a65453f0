import { systemClock } from '../../platform/clock.ts';
import { systemRandom } from '../../platform/random.ts';
import { connect } from '../../rpc/client.ts';
import { rootsFrom } from '../../rpc/tls.ts';
import type { PauseDeps } from '../../worker/pause.ts';
import type { CliContext } from '../context.ts';

/** Exit codes of `worker pause` and `worker resume`, besides those of every command. */
export const PAUSE_EXIT = { unknownWorker: 3, timedOut: 4 } as const;

/** Tells the warnings, and what the commands need. */
export function pauseDepsOf({ env, stderr }: CliContext, warnings: readonly string[]): PauseDeps {
  const tell = (sentence: string) => stderr.write(`pwagent: ${sentence}\n`);
  for (const warning of warnings) tell(warning);
  const roots = rootsFrom(env.SSL_CERT_FILE);
  return { connect: ({ endpoint }) => connect(endpoint, roots), clock: systemClock, random: systemRandom, tell };
}

export function tellUnknown(name: string, endpoints: readonly string[], { stderr }: CliContext): number {
  for (const endpoint of endpoints)
    stderr.write(
      `pwagent: ${endpoint} does not know a worker ${name}; name and token must be those of the running worker\n`,
    );
  return PAUSE_EXIT.unknownWorker;
}
