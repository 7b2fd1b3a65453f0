import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';

export type InstanceState = 'running' | 'shutting-down' | 'terminated';

export interface FakeEc2Instance {
  state: InstanceState;
  readonly tags: Map<string, string>;
}

export interface FakeEc2Options {
  readonly region?: string;
  readonly nowMs?: () => number;
  /** Who may call. */
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly token: string;
}

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const CODES: Readonly<Record<InstanceState, number>> = { running: 16, 'shutting-down': 32, terminated: 48 };
const STATUS: Readonly<Record<string, number>> = {
  RequestLimitExceeded: 503,
  InternalError: 500,
  UnauthorizedOperation: 403,
  AuthFailure: 401,
};
const MAX_SKEW_MS = 5 * 60_000;

const refuse = (code: string, message: string): Refusal => ({ status: STATUS[code] ?? 400, code, message });
const escapeXml = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const digest = (text: string) => createHash('sha256').update(text).digest('hex');

function bodyOf(request: IncomingMessage): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => resolve(Buffer.concat(parts).toString('utf8')));
  return promise;
}

/** `20260101T000000Z` in milliseconds, NaN for anything else. */
function timeOf(stamp: string): number {
  return Date.parse(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

/**
 * Stands in for the EC2 API on loopback: TerminateInstances, CreateTags, DescribeInstances. It reckons each signature by
 * itself, from what arrived, and keeps instances with states and tags.
 */
export class FakeEc2 {
  readonly instances = new Map<string, FakeEc2Instance>();
  /** Action and parameters of each call whose signature was right. */
  readonly calls: Record<string, string>[] = [];
  /** All requests, the refused ones too. */
  requests = 0;
  /** The last request gets no answer. */
  hanging = false;
  /** Answers of the next calls, before anything else is looked at; `html` is a page with status 200, `hang` none at all. */
  readonly next: string[] = [];
  readonly #options: Required<FakeEc2Options>;
  #server: Server | undefined;
  #port = 0;

  constructor(options: FakeEc2Options) {
    this.#options = { region: 'eu-central-1', nowMs: () => Date.now(), ...options };
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  run(id: string): FakeEc2Instance {
    const instance: FakeEc2Instance = { state: 'running', tags: new Map() };
    this.instances.set(id, instance);
    return instance;
  }

  /** What takes minutes in reality: instances that shut down are gone. */
  settle(): void {
    for (const instance of this.instances.values()) {
      if (instance.state === 'shutting-down') instance.state = 'terminated';
    }
  }

  async start(): Promise<this> {
    const server = createServer({ keepAliveTimeout: 1 }, (request, response) => {
      void bodyOf(request).then((body) => {
        this.requests += 1;
        const fault = this.next.shift();
        this.hanging = fault === 'hang';
        if (this.hanging) return;
        const answer = fault === 'html' ? '<html>hello</html>' : this.#answer(request, body, fault);
        const status = typeof answer === 'string' ? 200 : answer.status;
        response.sendDate = false;
        response.writeHead(status, {
          'content-type': 'text/xml;charset=UTF-8',
          date: new Date(this.#options.nowMs()).toUTCString(),
        });
        response.end(typeof answer === 'string' ? answer : this.#errorXml(answer));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    const address = server.address();
    if (typeof address === 'object' && address !== null) this.#port = address.port;
    this.#server = server;
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise<void>((resolve) => this.#server?.close(() => resolve()));
  }

  #errorXml({ code, message }: Refusal): string {
    const inner = `<Error><Code>${code}</Code><Message>${escapeXml(message)}</Message></Error>`;
    return `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors>${inner}</Errors><RequestID>1-2-3</RequestID></Response>`;
  }

  #answer(request: IncomingMessage, body: string, fault: string | undefined): string | Refusal {
    if (fault !== undefined) return refuse(fault, `You <are> refused & told so: ${fault}`);
    const wrong = this.#checkSignature(request, body);
    if (wrong !== undefined) return wrong;
    const parameters = Object.fromEntries(new URLSearchParams(body));
    this.calls.push(parameters);
    if (parameters.Version !== '2016-11-15') return refuse('NoSuchVersion', 'no such version');
    switch (parameters.Action) {
      case 'TerminateInstances':
        return this.#terminate(parameters['InstanceId.1'] ?? '');
      case 'CreateTags':
        return this.#tag(parameters);
      case 'DescribeInstances':
        return this.#describe(parameters['InstanceId.1'] ?? '');
      default:
        return refuse('InvalidAction', `The action ${parameters.Action} is not valid`);
    }
  }

  #terminate(id: string): string | Refusal {
    const instance = this.instances.get(id);
    if (instance === undefined) return refuse('InvalidInstanceID.NotFound', `The instance ID '${id}' does not exist`);
    const before = instance.state;
    if (before === 'running') instance.state = 'shutting-down';
    const state = (name: InstanceState) => `<code>${CODES[name]}</code><name>${name}</name>`;
    return `<TerminateInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
    <instancesSet><item><instanceId>${id}</instanceId>
      <currentState>\n${state(instance.state)}\n</currentState><previousState>${state(before)}</previousState>
    </item></instancesSet></TerminateInstancesResponse>`;
  }

  #tag(parameters: Record<string, string>): string | Refusal {
    const id = parameters['ResourceId.1'] ?? '';
    const instance = this.instances.get(id);
    if (instance === undefined) return refuse('InvalidInstanceID.NotFound', `The ID '${id}' does not exist`);
    instance.tags.set(parameters['Tag.1.Key'] ?? '', parameters['Tag.1.Value'] ?? '');
    return '<CreateTagsResponse><requestId>1</requestId><return>true</return></CreateTagsResponse>';
  }

  #describe(id: string): string | Refusal {
    const instance = this.instances.get(id);
    if (instance === undefined) return refuse('InvalidInstanceID.NotFound', `The instance ID '${id}' does not exist`);
    const state = `<code>${CODES[instance.state]}</code><name>${instance.state}</name>`;
    const item = `<item><instanceId>${id}</instanceId><instanceState>${state}</instanceState></item>`;
    return `<DescribeInstancesResponse><reservationSet><item><instancesSet>${item}</instancesSet></item></reservationSet></DescribeInstancesResponse>`;
  }

  #checkSignature(request: IncomingMessage, body: string): Refusal | undefined {
    const { region, accessKeyId, secretAccessKey, token, nowMs } = this.#options;
    const header = (name: string) => String(request.headers[name] ?? '');
    const form =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/;
    const [, id, day = '', inRegion = '', service = '', names = '', signature = ''] =
      form.exec(header('authorization')) ?? [];
    if (id === undefined) return refuse('AuthFailure', 'AWS was not able to validate the provided access credentials');
    if (id !== accessKeyId || header('x-amz-security-token') !== token) return refuse('AuthFailure', 'unknown key');
    const stamp = header('x-amz-date');
    const skewMs = timeOf(stamp) - nowMs();
    if (!(skewMs > -MAX_SKEW_MS)) return refuse('RequestExpired', 'Request has expired.');
    if (skewMs > MAX_SKEW_MS) return refuse('AuthFailure', 'Signature not yet current');
    const needed = ['host', 'x-amz-date', 'x-amz-security-token', 'content-type'];
    if (inRegion !== region || service !== 'ec2' || day !== stamp.slice(0, 8))
      return refuse('AuthFailure', 'wrong scope');
    if (needed.some((name) => !names.split(';').includes(name))) return refuse('AuthFailure', 'a header is not signed');
    const lines = names.split(';').map((name) => `${name}:${header(name).trim()}`);
    const canonical = `${request.method}\n${request.url}\n\n${lines.join('\n')}\n\n${names}\n${digest(body)}`;
    const text = `AWS4-HMAC-SHA256\n${stamp}\n${day}/${region}/ec2/aws4_request\n${digest(canonical)}`;
    let key = createHmac('sha256', `AWS4${secretAccessKey}`).update(day).digest();
    for (const part of [region, 'ec2', 'aws4_request']) key = createHmac('sha256', key).update(part).digest();
    const expected = createHmac('sha256', key).update(text).digest();
    if (timingSafeEqual(expected, Buffer.from(signature, 'hex'))) return undefined;
    return {
      status: 403,
      code: 'SignatureDoesNotMatch',
      message: 'The request signature we calculated does not match',
    };
  }
}
