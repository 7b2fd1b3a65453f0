import { randomBytes } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { type FakeInstance, fakeInstance, itemAt } from './fake-instance.ts';
import { type Fault, falseReply, page, REASON, type Reply } from './fake-metadata-faults.ts';

export type { Fault };

const GARBAGE = Buffer.from('\x00\xff\x16\x03\x01 this is no HTTP at all\r\n\r\n', 'latin1');

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
  /** Life of new tokens, in seconds, whatever is asked for. */
  tokenSeconds: number | undefined;
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
    const granted = this.tokenSeconds ?? seconds;
    this.#tokens.set(token, this.#options.nowMs() + granted * 1_000);
    const ttlHeader = { 'content-type': 'text/plain', 'x-aws-ec2-metadata-token-ttl-seconds': String(granted) };
    return { status: 200, headers: ttlHeader, body: token };
  }

  #wire({ status, headers, body }: Reply): Buffer {
    const date = this.date ?? (this.date === null ? undefined : this.#now());
    const bytes = Buffer.from(typeof body === 'string' ? new TextEncoder().encode(body) : body);
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

  #misbehave(socket: Socket, fault: Fault, request: SeenRequest, path: string): void {
    const right = () => this.#reply(request, path);
    const answer = falseReply(fault, right);
    if (answer !== undefined) this.#send(socket, this.#wire(answer));
    else if (fault === 'garbage') this.#send(socket, GARBAGE);
    else if (fault === 'slow') this.#drip(socket, this.#wire(right()));
    else if (fault === 'stall') socket.write(this.#wire(right()).subarray(0, -2));
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
