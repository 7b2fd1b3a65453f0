import { randomBytes } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { type FakeInstance, fakeInstance, itemAt } from './fake-instance.ts';

/** What the stand-in does instead of answering properly. */
export type Fault =
  /** Accepts, reads, and says nothing. */
  | 'silence'
  /** A right answer, a byte a second. */
  | 'slow'
  /** The head of a right answer, half of the body, then nothing. */
  | 'stall'
  | 'redirect'
  /** Not HTTP. */
  | 'garbage'
  /** 200 with a web page, as a captive portal sends. */
  | 'html'
  /** 200 with no body. */
  | 'empty'
  /** 200 with a body without end. */
  | 'huge'
  /** 200 with a header without end. */
  | 'huge-head'
  /** The connection is reset. */
  | 'reset'
  /** 200 with plain text that is none of the service's. */
  | 'wrong-content'
  /** That status, and a page that says so. */
  | number;

export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface FakeMetadataOptions {
  readonly host?: string;
  readonly port?: number;
  /** The service's clock: its `Date` header, the life of tokens and credentials. */
  readonly nowMs?: () => number;
}

interface Reply {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body: string;
}

const REASON: Readonly<Record<number, string>> = {
  200: 'OK',
  307: 'Temporary Redirect',
  401: 'Unauthorized',
  404: 'Not Found',
};

function page(status: number, text = REASON[status] ?? 'Error'): Reply {
  const title = `<title>${status} - ${text}</title>`;
  const body = `<?xml version="1.0" encoding="iso-8859-1"?>\n<!DOCTYPE html>\n<html><head>${title}</head><body><h1>${status} - ${text}</h1></body></html>\n`;
  return { status, headers: { 'content-type': 'text/html' }, body };
}

/**
 * Stands in for the instance metadata service, version 2, on loopback (or, inside a network namespace made for it, on
 * the real address). Without a valid token nothing but a token can be had. `instance` may be changed at any time.
 */
export class FakeMetadata {
  readonly instance: FakeInstance;
  readonly seen: SeenRequest[] = [];
  /** Added to the clock in the `Date` header alone. */
  dateOffsetMs = 0;
  /** In place of the `Date` header; null: none. */
  date: string | null | undefined;
  /** Bytes written to clients so far. */
  bytesSent = 0;
  readonly #faults = new Map<string, Fault>();
  readonly #tokens = new Map<string, number>();
  readonly #sockets = new Set<Socket>();
  readonly #options: Required<FakeMetadataOptions>;
  #server: Server | undefined;
  #port: number;

  constructor(options: FakeMetadataOptions = {}) {
    this.#options = { host: '127.0.0.1', port: 0, nowMs: () => Date.now(), ...options };
    this.#port = this.#options.port;
    this.instance = fakeInstance(this.#options.nowMs() - 3_600_000);
  }

  get endpoint(): string {
    const { host } = this.#options;
    const name = host.includes(':') ? `[${host}]` : host;
    return `http://${name}${this.#port === 80 ? '' : `:${this.#port}`}`;
  }

  /** Starts listening; after `stop`, on the same port as before. */
  async start(): Promise<this> {
    const server = createServer((socket) => this.#accept(socket));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject);
    server.listen(this.#port, this.#options.host, () => resolve());
    await promise;
    const address = server.address();
    if (typeof address === 'object' && address !== null) this.#port = address.port;
    this.#server = server;
    return this;
  }

  /** Nobody is there any more: connections are refused. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** From now on that fault for each path that begins with `path`; undefined takes it back. */
  fault(fault: Fault | undefined, path = '/'): void {
    if (fault === undefined) this.#faults.delete(path);
    else this.#faults.set(path, fault);
  }

  /** All tokens end at once, as after a restart of the service. */
  forgetTokens(): void {
    this.#tokens.clear();
  }

  /** `METHOD path` of each request so far. */
  get requests(): string[] {
    return this.seen.map(({ method, target }) => `${method} ${target}`);
  }

  /** How many clients hold a connection. */
  get connections(): number {
    return this.#sockets.size;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {}); // the client went away, which is its right
    let text = '';
    socket.on('data', (data) => {
      text += data.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const [line = '', ...lines] = text.slice(0, end).split('\r\n');
      text = text.slice(end + 4);
      const [method = '', target = ''] = line.split(' ');
      const headers = Object.fromEntries(
        lines.map((each) => [each.slice(0, each.indexOf(':')).toLowerCase(), each.slice(each.indexOf(':') + 1).trim()]),
      );
      this.seen.push({ method, target, headers });
      this.#serve(socket, { method, target, headers });
    });
  }

  #serve(socket: Socket, request: SeenRequest): void {
    const [path = ''] = request.target.split('?');
    const fault = [...this.#faults].findLast(([prefix]) => path.startsWith(prefix))?.[1];
    if (fault === undefined) this.#send(socket, this.#wire(this.#reply(request, path)));
    else this.#misbehave(socket, fault, request, path);
  }

  #reply({ method, headers }: SeenRequest, path: string): Reply {
    if (this.instance.disabled) return page(403, 'Forbidden');
    if (path === '/latest/api/token') return method === 'PUT' ? this.#newToken(headers) : page(405, 'Not Allowed');
    if (method !== 'GET') return page(405, 'Not Allowed');
    const endsAtMs = this.#tokens.get(headers['x-aws-ec2-metadata-token'] ?? '');
    if (endsAtMs === undefined || endsAtMs <= this.#options.nowMs()) return page(401);
    const item = itemAt(this.instance, path, this.#options.nowMs());
    if (item === undefined) return page(404);
    return { status: 200, headers: { 'content-type': item.type }, body: item.text };
  }

  #newToken(headers: SeenRequest['headers']): Reply {
    if (headers['x-forwarded-for'] !== undefined) return page(403, 'Forbidden');
    const ttl = headers['x-aws-ec2-metadata-token-ttl-seconds'] ?? '';
    const seconds = Number(ttl);
    if (!/^\d+$/.test(ttl) || seconds < 1 || seconds > 21_600) return page(400, 'Bad Request');
    const token = `${randomBytes(40).toString('base64url')}==`;
    this.#tokens.set(token, this.#options.nowMs() + seconds * 1_000);
    const ttlHeader = { 'content-type': 'text/plain', 'x-aws-ec2-metadata-token-ttl-seconds': ttl };
    return { status: 200, headers: ttlHeader, body: token };
  }

  #wire({ status, headers, body }: Reply): Buffer {
    const date = this.date ?? (this.date === null ? undefined : this.#now());
    const bytes = Buffer.from(body, 'utf8');
    const all = {
      ...headers,
      ...(date === undefined ? {} : { date }),
      'content-length': String(bytes.length),
      server: 'EC2ws',
      connection: 'close',
    };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `HTTP/1.1 ${status} ${REASON[status] ?? 'Error'}\r\n${lines.join('')}\r\n`;
    return Buffer.concat([Buffer.from(head, 'latin1'), bytes]);
  }

  #now(): string {
    return new Date(this.#options.nowMs() + this.dateOffsetMs).toUTCString();
  }

  #send(socket: Socket, bytes: Buffer | string): void {
    this.bytesSent += bytes.length;
    socket.end(bytes);
  }

  /** The whole answer of the faults that give one. */
  #falseAnswer(fault: Fault): Buffer | undefined {
    const ok = (body: string, type: string) => this.#wire({ status: 200, headers: { 'content-type': type }, body });
    if (typeof fault === 'number') return this.#wire(page(fault));
    switch (fault) {
      case 'redirect':
        return this.#wire({ ...page(307), headers: { location: '/latest/elsewhere' } });
      case 'garbage':
        return Buffer.from('\x00\xff\x16\x03\x01 this is no HTTP at all\r\n\r\n', 'latin1');
      case 'html':
        return ok('<!DOCTYPE html><html><body>Please log in</body></html>', 'text/html');
      case 'empty':
        return ok('', 'text/plain');
      case 'wrong-content':
        return ok('{"message": "hello from another service"}', 'application/json');
      default:
        return undefined;
    }
  }

  #misbehave(socket: Socket, fault: Fault, request: SeenRequest, path: string): void {
    const answer = this.#falseAnswer(fault);
    if (answer !== undefined) this.#send(socket, answer);
    else if (fault === 'slow') this.#drip(socket, this.#wire(this.#reply(request, path)));
    else if (fault === 'stall') socket.write(this.#wire(this.#reply(request, path)).subarray(0, -2));
    else if (fault === 'reset') socket.resetAndDestroy();
    else if (fault === 'huge') this.#flood(socket, 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n');
    else if (fault === 'huge-head') this.#flood(socket, 'HTTP/1.1 200 OK\r\nx-filling: ');
  }

  #drip(socket: Socket, bytes: Buffer): void {
    let at = 0;
    const timer = setInterval(() => {
      if (at >= bytes.length) socket.end();
      else socket.write(bytes.subarray(at, at + 1));
      at += 1;
    }, 1_000);
    socket.on('close', () => clearInterval(timer));
  }

  /** Writes for as long as the client takes it. */
  #flood(socket: Socket, head: string): void {
    const block = Buffer.alloc(16 * 1024, 'x');
    const more = () => {
      let goesOn = true;
      while (goesOn && !socket.destroyed) {
        this.bytesSent += block.length;
        goesOn = socket.write(block);
      }
    };
    socket.on('drain', more);
    socket.write(head);
    more();
  }
}
