import { logEventSchema, type PublishedBuild, publishedBuildSchema } from '../../hub/http/wire.ts';
import { backoffMs } from '../../lib/backoff.ts';
import { AppError } from '../../lib/errors.ts';
import { parseEventStream, type StreamEvent } from '../../lib/event-stream.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Random } from '../../platform/random.ts';
import type { HubClient } from './hub-client.ts';

/** What happens while a build is followed. */
export type FollowEvent =
  | { readonly kind: 'build'; readonly build: PublishedBuild }
  | {
      readonly kind: 'log';
      readonly taskId: string;
      readonly instruction: string;
      readonly replaces: boolean;
      readonly data: Uint8Array;
    }
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'found' }
  /** Nothing has happened for a while; the hub is there. */
  | { readonly kind: 'quiet' }
  /** The build is over and everything has been told. */
  | { readonly kind: 'end' };

export interface FollowDeps {
  readonly client: Pick<HubClient, 'events'>;
  readonly clock: Clock;
  readonly random: Random;
}

/** Three heartbeats without a word: the connection is dead even if nobody says so. */
const SILENCE_MS = 45_000;
/** A hub that is restarted comes back well within this. */
const PATIENCE_MS = 120_000;
const RETRY = { firstMs: 200, maxMs: 5_000 };

function parseEvent(message: StreamEvent): (FollowEvent & { seq?: number }) | undefined {
  try {
    return understood(message);
  } catch (error) {
    const hint = 'check that hub and this program are of one version';
    throw new AppError('CONFIG', 'the hub sent an event that is not understood', { hint, cause: error });
  }
}

function understood({ event, data }: StreamEvent): (FollowEvent & { seq?: number }) | undefined {
  if (event === '') return { kind: 'quiet' };
  if (event === 'build') return { kind: 'build', build: publishedBuildSchema.parse(JSON.parse(data)) };
  if (event !== 'log') return undefined; // a newer hub may tell more than we know
  const { seq, taskId, instruction, replaces, data: base64 } = logEventSchema.parse(JSON.parse(data));
  return { kind: 'log', seq, taskId, instruction, replaces, data: new Uint8Array(Buffer.from(base64, 'base64')) };
}

/** Events of one connection. Returns `end` when the build is over; throws when the connection breaks or falls silent. */
async function* connectionOf(
  { client, clock }: FollowDeps,
  buildId: string,
  afterSeq: number,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent, 'end' | 'broken'> {
  const silence = new AbortController();
  let cancel = () => {};
  const heard = () => {
    cancel();
    cancel = clock.after(SILENCE_MS, () => silence.abort(new AppError('UNAVAILABLE', 'the hub fell silent')));
  };
  try {
    heard();
    const body = await client.events(buildId, afterSeq, AbortSignal.any([signal, silence.signal]));
    for await (const event of parseEventStream(body)) {
      heard();
      if (event.event === 'end') return 'end';
      yield event;
    }
    return 'broken';
  } finally {
    cancel();
    silence.abort();
  }
}

/** Whether coming back could help: not when the hub answers that it does not want us. */
function isLasting(error: unknown): boolean {
  return error instanceof AppError && error.code !== 'UNAVAILABLE';
}

/**
 * Follows a build to its end, however often the connection breaks: each new one resumes behind the last chunk seen.
 * Throws `AppError`: UNAVAILABLE when the hub stays away for two minutes, else what the hub refused. Rejects with the
 * signal's reason when it aborts.
 */
export async function* followBuild(
  deps: FollowDeps,
  buildId: string,
  signal: AbortSignal,
): AsyncGenerator<FollowEvent> {
  const { clock, random } = deps;
  let seq = 0;
  let attempt = 0;
  let heardAtMs = clock.continuousMs();
  for (;;) {
    let reason = 'the connection broke';
    const connection = connectionOf(deps, buildId, seq, signal);
    try {
      for (let next = await connection.next(); ; next = await connection.next()) {
        if (next.done === true) {
          if (next.value === 'end') return yield { kind: 'end' };
          break;
        }
        if (attempt > 0) yield { kind: 'found' };
        attempt = 0;
        heardAtMs = clock.continuousMs();
        const event = parseEvent(next.value);
        seq = event?.seq ?? seq;
        if (event !== undefined) yield event;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (isLasting(error)) throw error;
      if (error instanceof AppError) reason = error.message;
    } finally {
      await connection.return('broken');
    }
    if (attempt === 0) yield { kind: 'lost', reason };
    if (clock.continuousMs() - heardAtMs >= PATIENCE_MS) {
      const hint = 'the build goes on without us: look at it when the hub is back';
      throw new AppError('UNAVAILABLE', `lost the hub for two minutes: ${reason}`, { hint });
    }
    await clock.sleep(backoffMs(attempt, RETRY, random), signal);
    attempt += 1;
  }
}
