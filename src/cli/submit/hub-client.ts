import type { z } from 'zod';
import {
  errorSchema,
  type PublishedBuild,
  problemsSchema,
  publishedBuildSchema,
  treeSchema,
  warningsSchema,
} from '../../hub/http/wire.ts';
import { streamOf } from '../../lib/byte-stream.ts';
import { AppError } from '../../lib/errors.ts';
import type { Secret } from '../../lib/secret.ts';
import { errnoOf } from '../../platform/files.ts';

export type HubProblem = z.output<typeof problemsSchema>['problems'][number];

export interface BuildOrder {
  readonly tree: string;
  readonly branch: string;
  readonly message: string;
  readonly config: { readonly path: string; readonly text: string };
  readonly environment: Readonly<Record<string, string>>;
}

export type OrderOutcome =
  | { readonly kind: 'started'; readonly build: PublishedBuild; readonly warnings: readonly HubProblem[] }
  | { readonly kind: 'refused'; readonly problems: readonly HubProblem[] };

/**
 * A hub's interface. Everything rejects with an `AppError`: UNAVAILABLE when the hub is away or ailing, NO_PERMISSION
 * when it refuses the token, CONFIG when it refuses the request.
 */
export interface HubClient {
  /** Finds out early whether the hub is there and knows the token. */
  check(signal: AbortSignal): Promise<void>;
  /** Sends a work tree; returns its id. */
  upload(tree: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<string>;
  order(order: BuildOrder, signal: AbortSignal): Promise<OrderOutcome>;
  /** Opens the event stream of a build behind log chunk `afterSeq`. */
  events(buildId: string, afterSeq: number, signal: AbortSignal): Promise<ReadableStream<Uint8Array>>;
}

const CERTIFICATE_ERROR = /CERT|SELF_SIGNED|SIGNATURE|ISSUER|ALTNAME/;

function unreachable(hub: string, error: unknown): AppError {
  const code = errnoOf(error) ?? '';
  if (CERTIFICATE_ERROR.test(code)) {
    const hint = 'let SSL_CERT_FILE name a file with the certificate of its authority';
    return new AppError('UNAVAILABLE', `the certificate of hub ${hub} is not trusted (${code})`, {
      hint,
      cause: error,
    });
  }
  const reason = code === '' ? '' : ` (${code})`;
  const hint = 'start one with "pwagent hub", or correct --hub';
  return new AppError('UNAVAILABLE', `hub ${hub} cannot be reached${reason}`, { hint, cause: error });
}

async function failureOf(hub: string, response: Response): Promise<AppError> {
  const { status } = response;
  const parsed = errorSchema.safeParse(await response.json().catch(() => undefined));
  const message = parsed.data?.error.message ?? `it answered ${status}`;
  const hint =
    parsed.data?.error.hint ?? (parsed.success ? undefined : 'check that --hub is the address of a pwagent hub');
  const code = status === 401 || status === 403 ? 'NO_PERMISSION' : status >= 500 ? 'UNAVAILABLE' : 'CONFIG';
  return new AppError(code, `hub ${hub} refused: ${message}`, { hint });
}

async function parsedJson<Output>(hub: string, response: Response, schema: z.ZodType<Output>): Promise<Output> {
  const parsed = schema.safeParse(await response.json().catch(() => undefined));
  if (parsed.success) return parsed.data;
  const hint = 'check that --hub is the address of a pwagent hub, and that both are of one version';
  throw new AppError('UNAVAILABLE', `hub ${hub} gave an answer that is not understood`, { hint, cause: parsed.error });
}

/** Keeps what went wrong while the body was made: `fetch` itself only tells that the request broke off. */
async function* remembering(chunks: AsyncIterable<Uint8Array>, failure: { error?: unknown }) {
  try {
    yield* chunks;
  } catch (error) {
    failure.error = error;
    throw error;
  }
}

/** A client for the hub at `hub`, an origin without a slash at the end. `roots` are certificates beyond the usual. */
export function createHubClient(hub: string, token: Secret, roots: readonly string[] = []): HubClient {
  const tls = roots.length === 0 ? {} : { tls: { ca: [...roots] } };
  const send = async (path: string, init: RequestInit, signal: AbortSignal): Promise<Response> => {
    const headers = { authorization: `Bearer ${token.reveal()}` };
    try {
      return await fetch(`${hub}${path}`, { ...init, headers, redirect: 'error', signal, ...tls });
    } catch (error) {
      signal.throwIfAborted();
      throw unreachable(hub, error);
    }
  };
  const expectOk = async (response: Response): Promise<Response> => {
    if (!response.ok) throw await failureOf(hub, response);
    return response;
  };
  return {
    async check(signal) {
      await expectOk(await send('/api/v1/builds?limit=1', {}, signal));
    },
    async upload(tree, signal) {
      const failure: { error?: unknown } = {};
      const body = streamOf(remembering(tree, failure));
      const response = await send('/api/v1/trees', { method: 'PUT', body }, signal).catch((error: unknown) => {
        throw failure.error ?? error;
      });
      return (await parsedJson(hub, await expectOk(response), treeSchema)).tree;
    },
    async order(order, signal) {
      const response = await send('/api/v1/builds', { method: 'POST', body: JSON.stringify(order) }, signal);
      if (response.status === 422) return { kind: 'refused', ...(await parsedJson(hub, response, problemsSchema)) };
      const answer = await parsedJson(hub, await expectOk(response), publishedBuildSchema.and(warningsSchema));
      const { warnings, ...build } = answer;
      return { kind: 'started', build, warnings };
    },
    async events(buildId, afterSeq, signal) {
      const path = `/api/v1/builds/${encodeURIComponent(buildId)}/events?after=${afterSeq}`;
      const { body } = await expectOk(await send(path, {}, signal));
      if (body === null) throw unreachable(hub, undefined);
      return body;
    },
  };
}
