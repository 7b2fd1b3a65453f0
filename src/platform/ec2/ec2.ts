import { type BackoffPolicy, backoffMs } from '../../lib/backoff.ts';
import { AppError } from '../../lib/errors.ts';
import { type Answer, exchange, type Failure, type Fetch, failure, withinTime } from '../bounded-request.ts';
import type { Clock } from '../clock.ts';
import { readMetadataEndpoint } from '../metadata/endpoint.ts';
import { type Random, systemRandom } from '../random.ts';
import { encodeRfc3986, type SigningCredentials, signRequest } from './sigv4.ts';
import { elementText, verdictOf } from './verdict.ts';

export type Ec2Outcome = { readonly ok: true } | Failure;

/** The two things that a machine of the pool asks of EC2, both about itself. Neither rejects. */
export interface Ec2 {
  /** TerminateInstances. Fine as soon as EC2 says that the instance is shutting down; at most 60 s. */
  terminateSelf(instanceId: string, signal: AbortSignal): Promise<Ec2Outcome>;
  /** CreateTags, which overwrites; at most 5 s. EC2 takes keys of 128 and values of 256 characters. */
  setTag(instanceId: string, key: string, value: string, signal: AbortSignal): Promise<Ec2Outcome>;
}

export interface Ec2Deps {
  /** Asked before each try. The answer's `dateMs`, when there, is the time that the signature bears. */
  readonly credentials: (signal: AbortSignal) => Promise<Answer<SigningCredentials>>;
  readonly region: string;
  /** Default: the region's public endpoint. https, or http on a loopback address. */
  readonly endpoint?: string | undefined;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly random?: Random;
}

const API_VERSION = '2016-11-15';
const TRY_MS = 5_000;
const TERMINATE_MS = 60_000;
const TAG_MS = 5_000;
const BACKOFF: BackoffPolicy = { firstMs: 500, maxMs: 8_000 };
const MAX_TRIES = 8;

/** Codes with which EC2 refuses a signature whose time is not its own. */
const WRONG_TIME = new Set(['RequestExpired', 'SignatureDoesNotMatch', 'AuthFailure']);
const REMARKABLE_MS = 60_000;

interface Call {
  readonly parameters: Readonly<Record<string, string>>;
  readonly isDone: (xml: string) => boolean;
}

interface TryOutcome {
  readonly outcome: Ec2Outcome;
  readonly again: boolean;
  /** What to add to our time, as far as it is known by now. */
  readonly skewMs: number;
}

function endpointOf({ endpoint, region }: Ec2Deps): { url: string; direct: boolean } {
  if (endpoint === undefined) {
    const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
    return { url: `https://ec2.${region}.${suffix}/`, direct: false };
  }
  const loopback = readMetadataEndpoint(endpoint);
  if (loopback !== undefined && !loopback.linkLocal) return { url: `${loopback.origin}/`, direct: true };
  if (endpoint.startsWith('https://') && URL.canParse(endpoint)) {
    return { url: new URL('/', endpoint).href, direct: false };
  }
  throw new AppError('CONFIG', `"${endpoint}" is no endpoint for EC2`, {
    hint: 'write https://HOST, or http:// with a loopback address',
  });
}

function isTerminating(xml: string): boolean {
  const current = /<currentState>([\s\S]*?)<\/currentState>/.exec(xml)?.[1] ?? '';
  return ['shutting-down', 'terminated'].includes(elementText(current, 'name') ?? '');
}

class Ec2Client implements Ec2 {
  readonly #deps: Ec2Deps;
  readonly #target: { readonly url: string; readonly direct: boolean };

  constructor(deps: Ec2Deps) {
    this.#deps = deps;
    this.#target = endpointOf(deps);
  }

  terminateSelf(instanceId: string, signal: AbortSignal): Promise<Ec2Outcome> {
    const parameters = { Action: 'TerminateInstances', 'InstanceId.1': instanceId };
    return this.#untilDone({ parameters, isDone: isTerminating }, TERMINATE_MS, signal);
  }

  setTag(instanceId: string, key: string, value: string, signal: AbortSignal): Promise<Ec2Outcome> {
    const tag = { 'Tag.1.Key': key, 'Tag.1.Value': value };
    const parameters = { Action: 'CreateTags', 'ResourceId.1': instanceId, ...tag };
    return this.#untilDone({ parameters, isDone: (xml) => elementText(xml, 'return') === 'true' }, TAG_MS, signal);
  }

  async #untilDone(call: Call, limitMs: number, signal: AbortSignal): Promise<Ec2Outcome> {
    const seen: { last?: Ec2Outcome } = {};
    const work = async (inner: AbortSignal): Promise<Answer<Ec2Outcome>> => {
      const outcome = await this.#tries(call, seen, inner);
      return { ok: true, value: outcome, dateMs: undefined };
    };
    const answer = await withinTime(limitMs, this.#deps.clock, work, signal);
    if (answer.ok) return answer.value;
    // What EC2 said last tells more than that there was no time for another try.
    return seen.last === undefined || signal.aborted ? answer : seen.last;
  }

  async #tries(call: Call, seen: { last?: Ec2Outcome }, signal: AbortSignal): Promise<Ec2Outcome> {
    const { clock, random = systemRandom } = this.#deps;
    let skewMs = 0;
    for (let attempt = 0; ; attempt += 1) {
      const tried = await this.#tryOnce(call, skewMs, signal);
      seen.last = tried.outcome;
      if (tried.outcome.ok || !tried.again || attempt + 1 >= MAX_TRIES) return tried.outcome;
      skewMs = tried.skewMs;
      const slept = clock.sleep(backoffMs(attempt, BACKOFF, random), signal).then(
        () => true,
        () => false, // only the abort makes it reject
      );
      if (!(await slept)) return tried.outcome;
    }
  }

  async #tryOnce(call: Call, skewMs: number, signal: AbortSignal): Promise<TryOutcome> {
    const { clock, credentials, region, fetch } = this.#deps;
    const known = await withinTime(TRY_MS, clock, credentials, signal);
    if (!known.ok) return { outcome: failure(`no credentials: ${known.problem}`), again: true, skewMs };
    const ownMs = known.dateMs ?? clock.wallMs();
    const pairs = Object.entries({ ...call.parameters, Version: API_VERSION });
    const request = {
      method: 'POST',
      url: this.#target.url,
      headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
      body: pairs.map((pair) => pair.map(encodeRfc3986).join('=')).join('&'),
      direct: this.#target.direct,
    } as const;
    const headers = signRequest({ ...request, region, service: 'ec2' }, known.value, ownMs + skewMs);
    const work = (inner: AbortSignal) => exchange({ ...request, headers }, fetch, inner);
    const reply = await withinTime(TRY_MS, clock, work, signal);
    if (!reply.ok) return { outcome: failure(`EC2: ${reply.problem}`), again: true, skewMs };
    const verdict = verdictOf(reply.value, call.isDone);
    if (verdict.tag === 'done') return { outcome: { ok: true }, again: false, skewMs };
    const theirSkewMs = (reply.dateMs ?? ownMs + skewMs) - ownMs;
    const wrongTime = WRONG_TIME.has(verdict.code) && Math.abs(theirSkewMs - skewMs) > REMARKABLE_MS;
    const outcome = failure(`EC2: ${verdict.problem}`);
    return { outcome, again: verdict.again || wrongTime, skewMs: wrongTime ? theirSkewMs : skewMs };
  }
}

/** Throws `AppError` (CONFIG) for an endpoint that signed requests must not go to. */
export function createEc2(deps: Ec2Deps): Ec2 {
  return new Ec2Client(deps);
}
