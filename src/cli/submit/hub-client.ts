import type { z } from 'zod';
import {
  type PublishedBuild,
  problemsSchema,
  publishedBuildSchema,
  treeSchema,
  warningsSchema,
} from '../../hub/http/wire.ts';
import { streamOf } from '../../lib/byte-stream.ts';
import { type HubRequests, unreachable } from '../hub-cli/hub-request.ts';

export type HubProblem = z.output<typeof problemsSchema>['problems'][number];

/** A build of an uploaded work tree, or of a revision of a repository. */
export type BuildOrder = {
  readonly environment: Readonly<Record<string, string>>;
  readonly priority?: number | undefined;
} & (
  | {
      readonly tree: string;
      readonly branch: string;
      readonly message: string;
      readonly config: { readonly path: string; readonly text: string };
    }
  | {
      readonly repository: { readonly url: string; readonly rev?: string | undefined };
      readonly branch?: string | undefined;
      readonly config?: { readonly path: string } | undefined;
    }
);

export type OrderOutcome =
  | { readonly kind: 'started'; readonly build: PublishedBuild; readonly warnings: readonly HubProblem[] }
  | { readonly kind: 'refused'; readonly problems: readonly HubProblem[] };

/** What submitting and following need of a hub; everything rejects as `HubRequests` does. */
export interface HubClient {
  /** Finds out early whether the hub is there and knows the token. */
  check(signal: AbortSignal): Promise<void>;
  /** Sends a work tree; returns its id. */
  upload(tree: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<string>;
  order(order: BuildOrder, signal: AbortSignal): Promise<OrderOutcome>;
  /** Opens the event stream of a build behind log chunk `afterSeq`. */
  events(buildId: string, afterSeq: number, signal: AbortSignal): Promise<ReadableStream<Uint8Array>>;
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

export function createHubClient({ hub, send, sendOk, refusalOf, parsed }: HubRequests): HubClient {
  return {
    async check(signal) {
      await sendOk('/api/v1/builds?limit=1', {}, signal);
    },
    async upload(tree, signal) {
      const failure: { error?: unknown } = {};
      const body = streamOf(remembering(tree, failure));
      const response = await sendOk('/api/v1/trees', { method: 'PUT', body }, signal).catch((error: unknown) => {
        throw failure.error ?? error;
      });
      return (await parsed(response, treeSchema)).tree;
    },
    async order(order, signal) {
      const init = { method: 'POST', body: JSON.stringify(order) };
      const response = await send('/api/v1/builds', init, signal);
      if (response.status === 422) return { kind: 'refused', ...(await parsed(response, problemsSchema)) };
      if (!response.ok) throw await refusalOf(response);
      const answer = await parsed(response, publishedBuildSchema.and(warningsSchema));
      const { warnings, ...build } = answer;
      return { kind: 'started', build, warnings };
    },
    async events(buildId, afterSeq, signal) {
      const path = `/api/v1/builds/${encodeURIComponent(buildId)}/events?after=${afterSeq}`;
      const { body } = await sendOk(path, {}, signal);
      if (body === null) throw unreachable(hub, undefined);
      return body;
    },
  };
}
