import { z } from 'zod';

/**
 * What supervisor and worker tell each other over the control channel of the worker (see `control-channel.ts`).
 * When the channel closes, the other side is gone: the worker then ends its tasks and itself.
 */

/** A task that the worker runs. `startedAt` is RFC 3339 UTC. */
export interface RunningTask {
  readonly id: string;
  readonly startedAt: string;
}

/** Sent once, right after the start: what the worker cannot, or must not, read by itself. */
export interface WorkerSetup {
  readonly type: 'setup';
  /** Default name of the worker; its own configuration may say another. */
  readonly name: string;
  /** Path of `worker.yml`, for messages only: its text comes along, since the worker's user may not be able to open it. */
  readonly configFile: string;
  readonly configText: string;
  /** Registration token of the pool; null when the configuration holds it. */
  readonly token: string | null;
  /** Names of variables in the worker's environment that tasks get too. */
  readonly passEnvironment: readonly string[];
}

export type SupervisorMessage = WorkerSetup | { readonly type: 'pause' } | { readonly type: 'resume' };

export type WorkerMessage =
  /** The first registration succeeded: the worker serves. */
  | { readonly type: 'registered' }
  /** After every change of either. */
  | { readonly type: 'state'; readonly intake: 'open' | 'paused'; readonly running: readonly RunningTask[] }
  /** The worker's own loop has turned; a failed poll counts. */
  | { readonly type: 'progress' }
  /** Why the worker cannot serve at present, in a sentence; null: over. */
  | { readonly type: 'trouble'; readonly message: string | null };

/** The worker runs as another user, next to foreign code: its text is shortened and freed of control characters. */
const shortText = z.string().transform((text) => text.replace(/\p{Cc}+/gu, ' ').slice(0, 500));

const supervisorMessage = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('setup'),
    name: z.string(),
    configFile: z.string(),
    configText: z.string(),
    token: z.string().nullable(),
    passEnvironment: z.array(z.string()),
  }),
  z.object({ type: z.literal('pause') }),
  z.object({ type: z.literal('resume') }),
]);

const workerMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('registered') }),
  z.object({
    type: z.literal('state'),
    intake: z.enum(['open', 'paused']),
    running: z.array(z.object({ id: shortText, startedAt: z.iso.datetime() })).max(1_000),
  }),
  z.object({ type: z.literal('progress') }),
  z.object({ type: z.literal('trouble'), message: shortText.nullable() }),
]);

/** Undefined for anything that is no such message; a newer supervisor may send kinds that this worker does not know. */
export function parseSupervisorMessage(value: unknown): SupervisorMessage | undefined {
  return supervisorMessage.safeParse(value).data;
}

/** Undefined for anything that is no such message. */
export function parseWorkerMessage(value: unknown): WorkerMessage | undefined {
  return workerMessage.safeParse(value).data;
}
