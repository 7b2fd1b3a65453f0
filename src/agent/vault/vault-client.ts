import { readFile } from 'node:fs/promises';
import { backoffMs } from '../../lib/backoff.ts';
import { parseDuration } from '../../lib/duration.ts';
import { AppError, describeError } from '../../lib/errors.ts';
import { type Answer, exchange, type Reply, type Request, withinTime } from '../../platform/bounded-request.ts';
import type { Environment } from '../../platform/environment.ts';
import type { RetryDeps } from '../retry.ts';

/** Reads secrets. Rejects with an `AppError` that names neither token nor secret. */
export interface VaultClient {
  /** The data of the secret at `path`. */
  read(path: string, args: readonly (readonly [string, string])[], signal: AbortSignal): Promise<unknown>;
}

export interface VaultSettings {
  readonly url: string;
  readonly namespace: string | undefined;
  /** Either a token, or what is exchanged for one. */
  readonly login:
    | { readonly tag: 'token'; readonly token: string }
    | { readonly tag: 'jwt'; readonly jwt: string; readonly mount: string; readonly role: string | undefined };
}

/** What the client library of Vault does unless its variables say otherwise. */
const TIMEOUT_MS = 60_000;
const RETRIES = 2;
const BACKOFF = { firstMs: 1_000, maxMs: 1_500 };

function missing(name: string, hint: string): AppError {
  return new AppError('CONFIG', `${name} is not set, and a variable is boxed in a Vault`, { hint });
}

/** Reads the settings from the variables of the task. Throws `AppError`. */
export function vaultSettings(task: Environment): VaultSettings {
  const { CIRRUS_VAULT_URL: url, CIRRUS_VAULT_TOKEN: token, CIRRUS_OIDC_TOKEN: jwt } = task;
  const namespace = task.CIRRUS_VAULT_NAMESPACE || undefined;
  if (!url) throw missing('CIRRUS_VAULT_URL', 'set it to the address of the Vault server');
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new AppError('CONFIG', `CIRRUS_VAULT_URL is "${url}"`, {
      hint: 'write it like https://vault.example.com:8200',
    });
  }
  const base = { url: url.replace(/\/+$/, ''), namespace };
  if (token) return { ...base, login: { tag: 'token', token } };
  if (!jwt) throw missing('CIRRUS_VAULT_TOKEN', 'set it, or let the server give tasks a CIRRUS_OIDC_TOKEN');
  const mount = task.CIRRUS_VAULT_AUTH_PATH || 'jwt';
  return { ...base, login: { tag: 'jwt', jwt, mount, role: task.CIRRUS_VAULT_ROLE || undefined } };
}

function timeoutOf(setting: string | undefined): number {
  if (!setting) return TIMEOUT_MS;
  return /^\d+$/.test(setting) ? Number(setting) * 1_000 : parseDuration(setting);
}

/** Path segments as addresses have them; what is encoded already stays. */
function pathOf(path: string): string {
  return path.replace(/^\/+/, '').split('/').map(encodeURIComponent).join('/');
}

class HttpVault implements VaultClient {
  #token: Promise<string> | undefined;
  #authority: Promise<string> | undefined;

  constructor(
    private readonly settings: VaultSettings,
    /** The agent's own variables: `VAULT_CACERT`, `VAULT_SKIP_VERIFY`, `VAULT_CLIENT_TIMEOUT`, `VAULT_MAX_RETRIES`. */
    private readonly process: Environment,
    private readonly deps: RetryDeps & { readonly onToken: (token: string) => void },
  ) {}

  async read(path: string, args: readonly (readonly [string, string])[], signal: AbortSignal): Promise<unknown> {
    this.#token ??= this.#logIn(signal);
    const query = args.length === 0 ? '' : `?${new URLSearchParams(args.map(([name, value]) => [name, value]))}`;
    const answer = await this.#ask('GET', `${pathOf(path)}${query}`, await this.#token, undefined, signal);
    const { data } = answer as { data?: unknown };
    if (data === undefined || data === null) throw new AppError('CONFIG', `there is no secret at ${path}`);
    return data;
  }

  async #logIn(signal: AbortSignal): Promise<string> {
    const { login } = this.settings;
    if (login.tag === 'token') return login.token;
    const body = JSON.stringify({ jwt: login.jwt, ...(login.role === undefined ? {} : { role: login.role }) });
    const answer = await this.#ask('POST', `auth/${pathOf(login.mount)}/login`, undefined, body, signal);
    const token = (answer as { auth?: { client_token?: unknown } }).auth?.client_token;
    if (typeof token !== 'string' || token === '') throw new AppError('CONFIG', 'the Vault gave no token at login');
    this.deps.onToken(token);
    return token;
  }

  async #ask(
    method: Request['method'],
    path: string,
    token: string | undefined,
    body: string | undefined,
    signal: AbortSignal,
  ): Promise<unknown> {
    const { url, namespace } = this.settings;
    const headers = {
      'x-vault-request': 'true',
      ...(token === undefined ? {} : { 'x-vault-token': token }),
      ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const request = {
      method,
      url: `${url}/v1/${path}`,
      headers,
      direct: false,
      ...(body === undefined ? {} : { body }),
    };
    const retries = Number(this.process.VAULT_MAX_RETRIES ?? RETRIES);
    for (let attempt = 0; ; attempt += 1) {
      const answer = await this.#once(request, signal);
      const temporary = !answer.ok || answer.value.status >= 500 || answer.value.status === 412;
      if (!temporary || attempt >= retries || signal.aborted) return dataOf(answer, path);
      await this.deps.clock.sleep(backoffMs(attempt, BACKOFF, this.deps.random), signal);
    }
  }

  /** One request; a standby server sends to the active one with a redirect, which is followed once. */
  async #once(request: Request, signal: AbortSignal): Promise<Answer<Reply>> {
    const limitMs = timeoutOf(this.process.VAULT_CLIENT_TIMEOUT);
    const tls = await this.#tls();
    const fetchIt = (url: string, init: BunFetchRequestInit) => fetch(url, { ...init, tls });
    const send = (url: string) =>
      withinTime(limitMs, this.deps.clock, (bound) => exchange({ ...request, url }, fetchIt, bound), signal);
    const answer = await send(request.url);
    const location = answer.ok && [301, 302, 307].includes(answer.value.status) && answer.value.headers.get('location');
    if (!location) return answer;
    const next = new URL(location, request.url);
    const isDowngrade = request.url.startsWith('https:') && next.protocol !== 'https:';
    return isDowngrade ? answer : send(next.href);
  }

  async #tls(): Promise<{ ca?: string; rejectUnauthorized?: boolean }> {
    const { VAULT_CACERT: file, VAULT_SKIP_VERIFY: skip } = this.process;
    const trust = /^(?:1|t|true)$/i.test(skip ?? '') ? { rejectUnauthorized: false } : {};
    if (!file) return trust;
    this.#authority ??= readFile(file, 'utf8').catch((cause: unknown) => {
      throw new AppError('CONFIG', `VAULT_CACERT cannot be read: ${describeError(cause)}`, { cause });
    });
    return { ...trust, ca: await this.#authority };
  }
}

function dataOf(answer: Answer<Reply>, path: string): unknown {
  const fail = (why: string) => new AppError('CONFIG', `the Vault did not give ${path}: ${why}`);
  if (!answer.ok) throw fail(answer.problem);
  const { status, text } = answer.value;
  const body = parsed(text);
  if (status >= 200 && status < 300 && body !== undefined) return body;
  const { errors } = (body ?? {}) as { errors?: unknown };
  const reasons = Array.isArray(errors) ? errors.filter((reason) => typeof reason === 'string') : [];
  if (status === 404) throw new AppError('CONFIG', `there is no secret at ${path}`);
  throw fail([`it answered ${status}`, ...reasons].join(', ').slice(0, 500));
}

function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined; // not from a Vault, or from a proxy before it: the status says more
  }
}

/** A client that has asked nothing yet. `onToken` learns of the token that a login gives. */
export function createVaultClient(
  settings: VaultSettings,
  process: Environment,
  deps: RetryDeps & { readonly onToken: (token: string) => void },
): VaultClient {
  return new HttpVault(settings, process, deps);
}
