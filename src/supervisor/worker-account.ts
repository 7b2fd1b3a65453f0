import type { Logger } from '../lib/log.ts';
import { type Armed, requireArmed } from '../platform/armed.ts';
import type { Clock } from '../platform/clock.ts';
import { type AccountStep, accountSteps, isAccountName } from '../platform/make-account.ts';
import type { RunProgram } from '../platform/run-program.ts';
import { lookUpUser } from '../platform/users.ts';
import type { Arming } from './arming.ts';

/** `sysadminctl` needs seconds; the machine's deadlines wait for it. */
const ACCOUNT_MS = 60_000;

/** How the worker's account is looked for and made. */
export interface AccountPorts {
  readonly exists: (name: string) => boolean;
  readonly run: RunProgram;
  readonly clock: Clock;
  readonly log: Logger;
  readonly platform: string;
}

export interface AccountNeed {
  /** The account that the worker runs as. */
  readonly name: string;
  /** Whether this machine is armed; asked for only where that matters. */
  readonly arming: () => Promise<Arming>;
  /** Milliseconds until the end of the life, as known once `arming` has told. */
  readonly leftMs: () => number;
}

/** The ports of this machine. */
export function accountPorts(parts: Omit<AccountPorts, 'exists'>): AccountPorts {
  return { ...parts, exists: (name) => lookUpUser(name) !== undefined };
}

async function make(
  steps: readonly AccountStep[],
  permit: Armed,
  limitMs: number,
  { run, clock, log }: AccountPorts,
  signal: AbortSignal,
): Promise<string | null> {
  requireArmed(permit);
  const endsMs = clock.monoMs() + limitMs;
  for (const { argv, optional } of steps) {
    const leftMs = endsMs - clock.monoMs();
    const problem = leftMs > 0 ? await run(argv, leftMs, signal) : 'it took too long';
    if (problem !== null && !optional) return problem;
    if (problem !== null)
      log.warn("the worker's account is not all it should be", { event: 'account', error: problem });
  }
  return null;
}

/**
 * Makes the worker's account where it is missing and the machine is armed; anywhere else a supervisor changes no
 * accounts. Returns why it could not be made; undefined when it was, or when there was nothing to do. Never rejects.
 */
export async function provideAccount(
  { name, arming, leftMs }: AccountNeed,
  ports: AccountPorts,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { exists, log, platform } = ports;
  if (exists(name)) return undefined;
  const decided = await arming();
  const limitMs = Math.min(ACCOUNT_MS, leftMs());
  if (!decided.armed || limitMs <= 0) return undefined;
  if (!isAccountName(name)) return `worker.user: "${name}" cannot be the name of an account; name another one`;
  const problem = await make(accountSteps(name, platform), decided.permit, limitMs, ports, signal);
  if (problem !== null) return `worker.user: there is no user ${name}, and none could be made: ${problem}`;
  log.info('there was no account for the worker: it was made', { event: 'account', user: name });
  return undefined;
}
