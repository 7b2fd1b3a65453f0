import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { downloadHandler } from '../../src/rpc/download.ts';
import { CirrusCIService } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { ByteStream } from '../../src/rpc/gen/google_bytestream_pb.ts';
import type { Headers as RpcHeaders } from '../../src/rpc/metadata.ts';
import { RpcError, type RpcStatus } from '../../src/rpc/rpc-error.ts';
import { type MethodHandler, unaryHandler, uploadHandler } from '../../src/rpc/server.ts';

interface Entry {
  readonly bytes: Uint8Array;
  /** Rises with each entry. */
  readonly serial: number;
}

/** How the HTTP store misbehaves for its next requests of one kind (`GET`, `PUT`, `HEAD`). */
export type HttpFault =
  | { readonly tag: 'status'; readonly status: number }
  /** Sends the promised length, and breaks off after so many bytes. */
  | { readonly tag: 'cut'; readonly afterBytes: number }
  /** Sends so many bytes and then nothing. */
  | { readonly tag: 'hang'; readonly afterBytes: number };

interface Session {
  readonly key: string;
  readonly parts: Map<number, { readonly bytes: Uint8Array; readonly etag: string }>;
}

/**
 * The server's side of caches as the specification of the protocol describes it, on real sockets: look-ups, addresses
 * that are good for one entry, an HTTP store with ranges and uploads in parts, and ByteStream.
 */
export class FakeCacheServer {
  readonly entries = new Map<string, Entry>();
  /** Methods of HTTP requests with their paths, and names of calls. */
  readonly calls: string[] = [];
  readonly faults = new Map<string, HttpFault[]>();
  readonly refusals = new Map<string, { status: RpcStatus; times: number }>();
  readonly uploadHeaders: IncomingHttpHeaders[] = [];
  readonly streamHeaders: RpcHeaders[] = [];
  /** Whether the server knows uploads in parts. */
  multipart = true;
  /** Where the addresses lead that are handed out; the HTTP store by default. */
  addressOf: ((key: string) => string) | undefined;
  /** Largest number of PUTs that were open at the same time. */
  mostAtOnce = 0;
  #atOnce = 0;
  #serial = 0;
  readonly #sessions = new Map<string, Session>();
  readonly #http = createServer((request, response) => void this.#serve(request, response)).listen(0, '127.0.0.1');

  async [Symbol.asyncDispose](): Promise<void> {
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  get host(): string {
    return `127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  put(key: string, bytes: Uint8Array): void {
    this.#serial += 1;
    this.entries.set(key, { bytes, serial: this.#serial });
  }

  bytesOf(key: string): Uint8Array | undefined {
    return this.entries.get(key)?.bytes;
  }

  fault(method: string, ...faults: HttpFault[]): void {
    this.faults.set(method, faults);
  }

  #find(key: string, prefixes: readonly string[]): [string, Entry] | undefined {
    const exact = this.entries.get(key);
    if (exact !== undefined) return [key, exact];
    for (const prefix of prefixes) {
      const [newest] = [...this.entries]
        .filter(([name]) => name.startsWith(prefix))
        .sort(([, a], [, b]) => b.serial - a.serial);
      if (newest !== undefined) return newest;
    }
    return undefined;
  }

  #url(key: string, more: Record<string, string> = {}): string {
    return `http://${this.host}/store?${new URLSearchParams({ key, ...more })}`;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { searchParams: query } = new URL(request.url ?? '', 'http://store');
    const key = query.get('key') ?? '';
    this.calls.push(`${request.method} ${query.get('part') ?? ''}`.trim());
    const fault = this.faults.get(request.method ?? '')?.shift();
    const end = (status: number, headers = {}) => void response.writeHead(status, headers).end();
    if (request.method !== 'PUT') {
      if (fault?.tag === 'status') end(fault.status);
      else this.#give(request.headers, key, fault, response);
      return;
    }
    this.#atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#atOnce);
    const pieces: Uint8Array[] = [];
    try {
      for await (const piece of request) pieces.push(piece);
    } catch {
      return; // the sender has gone
    } finally {
      this.#atOnce -= 1;
    }
    if (fault?.tag === 'status') end(fault.status);
    else end(...this.#take(Buffer.concat(pieces), request.headers, query));
  }

  #give(asked: IncomingHttpHeaders, key: string, fault: HttpFault | undefined, response: ServerResponse): void {
    const entry = this.entries.get(key);
    if (entry === undefined) {
      response.writeHead(404).end();
      return;
    }
    const etag = `"${entry.serial}"`;
    const from = Number(/^bytes=(\d+)-$/.exec(asked.range ?? '')?.[1] ?? 0);
    const size = entry.bytes.length;
    const part = from > 0 && (asked['if-range'] ?? etag) === etag;
    const bytes = part ? entry.bytes.subarray(from) : entry.bytes;
    const range = part ? { 'content-range': `bytes ${from}-${size - 1}/${size}` } : {};
    response.writeHead(part ? 206 : 200, { etag, 'content-length': bytes.length, ...range });
    if (fault === undefined || fault.tag === 'status') {
      response.end(bytes);
      return;
    }
    response.write(bytes.subarray(0, fault.afterBytes));
    if (fault.tag === 'cut') setTimeout(() => response.destroy(), 50); // the bytes go first
  }

  /** Keeps what came, and gives the status and the headers of the answer. */
  #take(bytes: Uint8Array, headers: IncomingHttpHeaders, query: URLSearchParams): [status: number, headers: object] {
    this.uploadHeaders.push(headers);
    if (bytes.length !== Number(headers['content-length'])) return [411, {}];
    const session = this.#sessions.get(query.get('upload') ?? '');
    if (session === undefined) {
      this.put(query.get('key') ?? '', bytes);
      return [201, {}];
    }
    const number = Number(query.get('part'));
    const etag = `"${session.key}-${number}-${bytes.length}"`;
    session.parts.set(number, { bytes, etag });
    return [200, { etag }];
  }

  #admit(name: string): void {
    this.calls.push(name);
    const refusal = this.refusals.get(name);
    if (refusal === undefined || refusal.times <= 0) return;
    refusal.times -= 1;
    throw new RpcError(refusal.status, 'refused by the test');
  }

  get handlers(): readonly MethodHandler[] {
    return [...this.#lookUps(), ...this.#uploads(), ...this.#streams()];
  }

  #lookUps(): MethodHandler[] {
    const { method } = CirrusCIService;
    return [
      unaryHandler(method.cacheInfo, async ({ cacheKey, cacheKeyPrefixes }) => {
        this.#admit('info');
        const found = this.#find(cacheKey, cacheKeyPrefixes);
        if (found === undefined) throw new RpcError('NOT_FOUND', 'no such cache');
        const [key, { bytes, serial }] = found;
        return { info: { key, sizeInBytes: BigInt(bytes.length), creationTimestamp: BigInt(serial) } };
      }),
      unaryHandler(method.generateCacheDownloadURLs, async ({ cacheKey }) => {
        this.#admit('download');
        return { urls: [this.addressOf?.(cacheKey) ?? this.#url(cacheKey)] };
      }),
      unaryHandler(method.deleteCache, async ({ cacheKey }) => {
        this.#admit('delete');
        this.entries.delete(cacheKey);
        return {};
      }),
    ];
  }

  #uploads(): MethodHandler[] {
    const { method } = CirrusCIService;
    return [
      unaryHandler(method.generateCacheUploadURL, async ({ cacheKey }) => {
        this.#admit('upload');
        if (this.addressOf !== undefined) return { url: this.addressOf(cacheKey) };
        return { url: this.#url(cacheKey), extraHeaders: { 'x-signed': 'yes' } };
      }),
      unaryHandler(method.multipartCacheUploadCreate, async ({ cacheKey }) => {
        this.#admit('create');
        if (!this.multipart) throw new RpcError('UNIMPLEMENTED', 'no parts here');
        const uploadId = `upload-${this.#sessions.size}`;
        this.#sessions.set(uploadId, { key: cacheKey, parts: new Map() });
        return { uploadId };
      }),
      unaryHandler(method.multipartCacheUploadPart, async ({ cacheKey, uploadId, partNumber, contentLength }) => {
        this.#admit('part');
        const length = String(contentLength);
        return { url: this.#url(cacheKey?.cacheKey ?? '', { upload: uploadId, part: String(partNumber), length }) };
      }),
      unaryHandler(method.multipartCacheUploadCommit, async ({ uploadId, parts }) => {
        this.#admit('commit');
        const session = this.#sessions.get(uploadId);
        const stored = parts.map(({ partNumber, etag }) => {
          const part = session?.parts.get(partNumber);
          if (part === undefined || part.etag !== etag) throw new RpcError('INVALID_ARGUMENT', 'no such part');
          return part.bytes;
        });
        this.put(session?.key ?? '', Buffer.concat(stored));
        return {};
      }),
    ];
  }

  #streams(): MethodHandler[] {
    const server = this;
    return [
      downloadHandler(ByteStream.method.read, async function* ({ resourceName }, { headers }) {
        server.calls.push('read');
        server.streamHeaders.push(headers);
        const { bytes } = server.entries.get(resourceName) ?? { bytes: new Uint8Array() };
        for (let at = 0; at < bytes.length; at += 1 << 20) yield { data: bytes.subarray(at, at + (1 << 20)) };
      }),
      uploadHandler(ByteStream.method.write, async (messages, { headers }) => {
        this.calls.push('write');
        this.streamHeaders.push(headers);
        const pieces: Uint8Array[] = [];
        let key = '';
        let finished = false;
        for await (const { resourceName, data, finishWrite } of messages) {
          key ||= resourceName;
          pieces.push(new Uint8Array(data));
          finished = finishWrite;
        }
        if (!finished) throw new RpcError('FAILED_PRECONDITION', 'the stream ended early');
        this.put(key, Buffer.concat(pieces));
        return { committedSize: BigInt(Buffer.concat(pieces).length) };
      }),
    ];
  }
}
