import { Secret } from '../../lib/secret.ts';
import { type Answer, exchange, type Failure, type Fetch, failure, type Reply } from '../bounded-request.ts';
import type { Clock } from '../clock.ts';

/** Longest life that the service gives to a token; also what is asked for. */
const MAX_TTL_S = 21_600;

/** A token is renewed this long before its end, or at half of its life when that is shorter. */
const RENEW_BEFORE_MS = 60_000;

const TOKEN_PATH = '/latest/api/token';

/** `undefined`: the service says that there is no such item. */
export type Item = string | undefined;

interface Token {
  readonly value: Secret;
  readonly renewAtMs: number;
}

export interface ReaderDeps {
  /** See `MetadataEndpoint`. */
  readonly origin: string;
  readonly fetch: Fetch;
  readonly clock: Clock;
}

/** No item of the service is a page for a browser: such a body comes from something that stands in its place. */
function isPage({ headers, text }: Reply): boolean {
  return /html/i.test(headers.get('content-type') ?? '') || /^\s*<(?:!doctype|html|\?xml)/i.test(text);
}

/** Why a reply is not the 200 with a body that it should be. */
function problemOf(reply: Reply): string | undefined {
  const { status } = reply;
  if (status >= 300 && status < 400) return `answered ${status}, a redirect, which is not followed`;
  if (status === 403) return 'answered 403: the metadata service is switched off for this instance';
  if (status !== 200) return `answered ${status}`;
  if (isPage(reply)) return 'answered with a web page';
  return reply.text.trim() === '' ? 'answered with nothing' : undefined;
}

/**
 * Reads items of the instance metadata service, version 2: a session token by PUT, the items by GET with the token.
 * Amazon EC2 User Guide, "Use the Instance Metadata Service to access instance metadata".
 */
export class MetadataReader {
  readonly #deps: ReaderDeps;
  #token: Token | undefined;

  constructor(deps: ReaderDeps) {
    this.#deps = deps;
  }

  /** `path` begins with `/latest/`. */
  async read(path: string, signal: AbortSignal): Promise<Answer<Item>> {
    const reply = await this.#readWithToken(path, signal);
    if (!reply.ok) return reply;
    const { value, dateMs } = reply;
    if (value.status === 404) return { ok: true, value: undefined, dateMs };
    const problem = problemOf(value);
    return problem === undefined ? { ok: true, value: value.text, dateMs } : failure(`${path}: ${problem}`);
  }

  async #readWithToken(path: string, signal: AbortSignal): Promise<Answer<Reply>> {
    for (const isLast of [false, true]) {
      const token = await this.#currentToken(signal);
      if ('ok' in token) return token;
      const headers = { 'x-aws-ec2-metadata-token': token.value.reveal() };
      const reply = await this.#ask({ method: 'GET', path, headers }, signal);
      if (!reply.ok || reply.value.status !== 401 || isLast) return reply;
      if (this.#token === token) this.#token = undefined; // ended early; another read may have got a new one already
    }
    throw new TypeError('unreachable: the last round returns');
  }

  async #currentToken(signal: AbortSignal): Promise<Token | Failure> {
    const nowMs = this.#deps.clock.continuousMs();
    if (this.#token !== undefined && nowMs < this.#token.renewAtMs) return this.#token;
    const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': String(MAX_TTL_S) };
    const reply = await this.#ask({ method: 'PUT', path: TOKEN_PATH, headers }, signal);
    if (!reply.ok) return reply;
    const problem = problemOf(reply.value);
    if (problem !== undefined) return failure(`${TOKEN_PATH}: ${problem}`);
    const { text } = reply.value;
    if (!/^[\x21-\x7e]+$/.test(text)) return failure(`${TOKEN_PATH}: answered with what is no token`);
    const told = Number(reply.value.headers.get('x-aws-ec2-metadata-token-ttl-seconds'));
    const ttlMs = 1_000 * (Number.isInteger(told) && told > 0 ? Math.min(told, MAX_TTL_S) : MAX_TTL_S);
    this.#token = { value: new Secret(text), renewAtMs: nowMs + ttlMs - Math.min(RENEW_BEFORE_MS, ttlMs / 2) };
    return this.#token;
  }

  async #ask(
    { method, path, headers }: { method: 'GET' | 'PUT'; path: string; headers: Record<string, string> },
    signal: AbortSignal,
  ): Promise<Answer<Reply>> {
    const request = { method, url: `${this.#deps.origin}${path}`, headers, direct: true };
    const reply = await exchange(request, this.#deps.fetch, signal);
    return reply.ok ? reply : failure(`${path}: ${reply.problem}`);
  }
}
