import { printable } from '../lib/printable.ts';
import { type Answer, exchange, type Fetch, failure, withinTime } from '../platform/bounded-request.ts';
import type { Clock } from '../platform/clock.ts';
import { type SigningCredentials, signRequest } from '../platform/ec2/sigv4.ts';

/** What calls with the instance's role need. */
export interface AwsDeps {
  readonly region: string;
  readonly credentials: (signal: AbortSignal) => Promise<Answer<SigningCredentials>>;
  /** Instead of the region's public endpoints; for stand-ins on a loopback address. */
  readonly endpoint?: string | undefined;
  readonly fetch: Fetch;
  readonly clock: Clock;
}

interface AwsRequest {
  readonly service: 'ec2' | 'ssm' | 'secretsmanager';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const CALL_MS = 10_000;

/** The error's own words of either form: JSON (`__type`, `message`) or XML (`Code`, `Message`). */
function complaint(text: string): string {
  const code = /"__type"\s*:\s*"(?:[^"#]*#)?([^"]*)"|<Code>([^<]*)</.exec(text);
  const message = /"[Mm]essage"\s*:\s*"([^"]*)"|<Message>([^<]*)</.exec(text);
  const words = [code?.[1] ?? code?.[2], message?.[1] ?? message?.[2]].filter((word) => word !== undefined);
  return printable(words.join(': '), 300);
}

/** One signed POST, at most 10 s. Never rejects; the answer's value is the body of a 200. */
export function awsCall(deps: AwsDeps, request: AwsRequest, signal: AbortSignal): Promise<Answer<string>> {
  const { region, endpoint, fetch, clock } = deps;
  const { service, headers, body } = request;
  const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const url = endpoint ?? `https://${service}.${region}.${suffix}/`;
  const work = async (inner: AbortSignal): Promise<Answer<string>> => {
    const known = await deps.credentials(inner);
    if (!known.ok) return failure(`no credentials: ${known.problem}`);
    const unsigned = { method: 'POST', url, headers, body, region, service } as const;
    const signed = signRequest(unsigned, known.value, known.dateMs ?? clock.wallMs());
    const direct = endpoint !== undefined;
    const reply = await exchange({ method: 'POST', url, headers: signed, body, direct }, fetch, inner);
    if (!reply.ok) return failure(`${service}: ${reply.problem}`);
    const { status, text } = reply.value;
    if (status !== 200) return failure(`${service} answered ${status} ${complaint(text)}`.trim());
    return { ok: true, value: text, dateMs: reply.dateMs };
  };
  return withinTime(CALL_MS, clock, work, signal);
}
