import { backoffMs } from '../lib/backoff.ts';
import { AppError, describeError } from '../lib/errors.ts';
import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import type { RpcClient } from '../rpc/client.ts';
import { CirrusWorkersService } from '../rpc/gen/cirrus_ci_service_pb.ts';
import { HEADER } from '../rpc/metadata.ts';
import { RpcError, retryOf } from '../rpc/rpc-error.ts';
import type { UpstreamOptions } from './configuration/options.ts';

const methods = CirrusWorkersService.method;
const CALL_TIMEOUT_MS = 15_000;
const BETWEEN_QUESTIONS_MS = 1_000;
const BACKOFF = { firstMs: 250, maxMs: 5_000 };

/** How long a hub may be away before a command gives up. */
const AWAY_MS = 60_000;

export interface PauseDeps {
  readonly connect: (upstream: UpstreamOptions) => RpcClient;
  readonly clock: Clock;
  readonly random: Random;
  /** Tells a person, in a sentence, what is going on. */
  readonly tell: (sentence: string) => void;
}

/** The worker that is meant: a name, and where it is registered. */
export interface Subject {
  readonly name: string;
  readonly upstreams: readonly UpstreamOptions[];
}

/** One server and the name by which it knows the worker. */
interface Known {
  readonly client: RpcClient;
  readonly name: string;
  readonly upstream: UpstreamOptions;
}

/**
 * A pause is told by a program that never registers: the server finds the worker by registration token and name, and
 * the session is empty; wire protocol, section 4.
 */
function callOf({ name, upstream }: Known) {
  const token = { [HEADER.registrationToken]: upstream.token.reveal(), [HEADER.sessionToken]: '' };
  return { headers: { ...token, [HEADER.workerName]: name }, timeoutMs: CALL_TIMEOUT_MS };
}

function failure({ name, upstream }: Known, error: unknown): AppError {
  const at = upstream.endpoint.text;
  const status = error instanceof RpcError ? error.status : undefined;
  const options = { cause: error };
  if (status === 'UNAUTHENTICATED' || status === 'PERMISSION_DENIED')
    return new AppError('NO_PERMISSION', `${at} refuses: ${describeError(error)}`, {
      hint: 'the token must be that of the running worker',
      ...options,
    });
  return new AppError('UNAVAILABLE', `${at} could not be asked about worker ${name}: ${describeError(error)}`, options);
}

/** Asks again while the server is away. Rejects with an `AppError`; undefined when it does not know the worker. */
async function ask<Answer>(
  known: Known,
  call: () => Promise<Answer>,
  { clock, random, tell }: PauseDeps,
  signal: AbortSignal,
) {
  const startedMs = clock.monoMs();
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof RpcError && error.status === 'NOT_FOUND') return undefined;
      if (retryOf(error) !== 'backoff' || clock.monoMs() - startedMs >= AWAY_MS) throw failure(known, error);
      if (attempt === 0) tell(`${known.upstream.endpoint.text} does not answer, trying again: ${describeError(error)}`);
      await clock.sleep(backoffMs(attempt, BACKOFF, random), signal);
    }
  }
}

/** True when the server has taken it over, false when it does not know the worker. */
async function setDisabled(known: Known, disabled: boolean, deps: PauseDeps, signal: AbortSignal): Promise<boolean> {
  const call = () => known.client.unary(methods.updateStatus, { disabled }, callOf(known), signal);
  const answer = await ask(known, call, deps, signal);
  if (answer === undefined) return false;
  if (answer.disabled === disabled) return true;
  const asked = disabled ? 'paused' : 'resumed';
  throw new AppError('UNAVAILABLE', `${known.upstream.endpoint.text} has not ${asked} worker ${known.name}`);
}

/** Resolves when the server says that nothing runs there; both kinds of task ids count. False for an unknown worker. */
async function untilIdle(known: Known, deps: PauseDeps, signal: AbortSignal): Promise<boolean> {
  const call = () => known.client.unary(methods.queryRunningTasks, {}, callOf(known), signal);
  for (let told = ''; ; ) {
    const answer = await ask(known, call, deps, signal);
    if (answer === undefined) return false;
    const running = [...new Set([...answer.runningTasks, ...answer.oldRunningTasks.map(String)])];
    if (running.length === 0) return true;
    const sentence = `${known.upstream.endpoint.text}: waiting for ${running.slice(0, 20).join(', ')}`;
    if (sentence !== told) deps.tell(sentence);
    told = sentence;
    await deps.clock.sleep(BETWEEN_QUESTIONS_MS, signal);
  }
}

/**
 * Runs `act` for every server at once, so that one that is away holds up no other. Rejects with the first error after
 * all have ended; resolves with the endpoints that do not know the worker.
 */
async function atEach(
  { name, upstreams }: Subject,
  deps: PauseDeps,
  act: (known: Known) => Promise<boolean>,
): Promise<string[]> {
  const ends = await Promise.allSettled(
    upstreams.map(async (upstream) => {
      const client = deps.connect(upstream);
      try {
        return (await act({ client, name, upstream })) ? [] : [upstream.endpoint.text];
      } finally {
        client.close();
      }
    }),
  );
  return ends.flatMap((end) => {
    if (end.status === 'rejected') throw end.reason;
    return end.value;
  });
}

/** `worker resume`. Resolves with the endpoints of servers that do not know the worker. */
export function resumeWorker(subject: Subject, deps: PauseDeps, signal: AbortSignal): Promise<string[]> {
  return atEach(subject, deps, (known) => setDisabled(known, false, deps, signal));
}

/**
 * `worker pause`: no server gives it tasks any more; with `wait` it resolves when none runs. Resolves with the endpoints
 * of servers that do not know the worker. Rejects with the reason of `signal` when that aborts.
 */
export function pauseWorker(subject: Subject, wait: boolean, deps: PauseDeps, signal: AbortSignal): Promise<string[]> {
  return atEach(subject, deps, async (known) => {
    const paused = await setDisabled(known, true, deps, signal);
    return paused && wait ? untilIdle(known, deps, signal) : paused;
  });
}
