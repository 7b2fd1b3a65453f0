import type { z } from 'zod';
import { errorSchema } from '../../hub/http/wire.ts';
import { AppError } from '../../lib/errors.ts';
import type { Secret } from '../../lib/secret.ts';
import { errnoOf } from '../../platform/files.ts';

const CERTIFICATE_ERROR = /CERT|SELF_SIGNED|SIGNATURE|ISSUER|ALTNAME/;

/** A hub that does not answer. */
export function unreachable(hub: string, error: unknown): AppError {
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
  const refused = status === 401 || status === 403;
  const code = refused ? 'NO_PERMISSION' : status === 429 ? 'TEMPORARY' : status >= 500 ? 'UNAVAILABLE' : 'CONFIG';
  return new AppError(code, `hub ${hub} refused: ${message}`, { hint });
}

/**
 * A hub's interface. Everything rejects with an `AppError`: UNAVAILABLE when the hub is away or ailing, NO_PERMISSION
 * when it refuses the token, TEMPORARY when it was asked too often, CONFIG when it refuses the request.
 */
export interface HubRequests {
  /** Address of the hub. */
  readonly hub: string;
  /** One request, whatever its answer. `path` begins with a slash. */
  send(path: string, init: RequestInit, signal: AbortSignal): Promise<Response>;
  /** The same; throws what the hub refuses. */
  sendOk(path: string, init: RequestInit, signal: AbortSignal): Promise<Response>;
  /** What an answer that is no success says. */
  refusalOf(response: Response): Promise<AppError>;
  /** An answer in JSON as `schema` wants it. */
  parsed<Output>(response: Response, schema: z.ZodType<Output>): Promise<Output>;
  /** Asks below `/api/v1`: a GET without `body`, else a POST of it. */
  ask<Output>(path: string, schema: z.ZodType<Output>, signal: AbortSignal, init?: JsonRequest): Promise<Output>;
}

export interface JsonRequest {
  readonly method?: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly body?: unknown;
}

/** Speaks to the hub at `hub`, an origin without a slash at the end. `roots` are certificates beyond the usual. */
export function createHubRequests(hub: string, token: Secret | undefined, roots: readonly string[] = []): HubRequests {
  const tls = roots.length === 0 ? {} : { tls: { ca: [...roots] } };
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token.reveal()}` };
  const send = async (path: string, init: RequestInit, signal: AbortSignal): Promise<Response> => {
    try {
      return await fetch(`${hub}${path}`, { ...init, headers, redirect: 'error', signal, ...tls });
    } catch (error) {
      signal.throwIfAborted();
      throw unreachable(hub, error);
    }
  };
  const sendOk = async (path: string, init: RequestInit, signal: AbortSignal): Promise<Response> => {
    const response = await send(path, init, signal);
    if (!response.ok) throw await failureOf(hub, response);
    return response;
  };
  const parsed = async <Output>(response: Response, schema: z.ZodType<Output>): Promise<Output> => {
    const value = response.status === 204 ? undefined : await response.json().catch(() => undefined);
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    const hint = 'check that --hub is the address of a pwagent hub, and that both are of one version';
    throw new AppError('UNAVAILABLE', `hub ${hub} gave an answer that is not understood`, {
      hint,
      cause: result.error,
    });
  };
  return {
    hub,
    send,
    sendOk,
    refusalOf: (response) => failureOf(hub, response),
    parsed,
    async ask(path, schema, signal, { method, body } = {}) {
      const init = {
        ...(method === undefined ? {} : { method }),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      };
      return parsed(await sendOk(`/api/v1${path}`, init, signal), schema);
    },
  };
}
