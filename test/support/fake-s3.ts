import { createHash } from 'node:crypto';

interface Stored {
  readonly data: Uint8Array;
  readonly etag: string;
  readonly changedMs: number;
}

const md5 = (data: Uint8Array) => createHash('md5').update(data).digest('hex');
const xml = (body: string, status = 200) =>
  new Response(`<?xml version="1.0" encoding="UTF-8"?>${body}`, {
    status,
    headers: { 'content-type': 'application/xml' },
  });
const failure = (status: number, code: string) =>
  xml(`<Error><Code>${code}</Code><Message>${code}</Message></Error>`, status);

/** As much of S3 as the hub and its agents use, in memory, on loopback. Signatures must be there; they are not checked. */
export class FakeS3 {
  readonly objects = new Map<string, Stored>();
  readonly uploads = new Map<string, { readonly key: string; readonly parts: Map<number, Stored> }>();
  /** What was asked, as `PUT bucket/key`. */
  readonly asked: string[] = [];
  /** Answers everything with this status while it is set. */
  broken: number | undefined;
  readonly #server: ReturnType<typeof Bun.serve>;
  #lastId = 0;

  constructor(readonly bucket = 'bucket') {
    this.#server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: (request) => this.#answer(request) });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true);
  }

  #isSigned(request: Request, query: URLSearchParams): boolean {
    const header = /^AWS4-HMAC-SHA256 Credential=access\//.test(request.headers.get('authorization') ?? '');
    const inQuery = (query.get('X-Amz-Credential') ?? '').startsWith('access/') && query.has('X-Amz-Signature');
    return header || inQuery;
  }

  async #answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const query = url.searchParams;
    this.asked.push(`${request.method} ${url.pathname.slice(1)}`);
    if (this.broken !== undefined) return failure(this.broken, 'SlowDown');
    if (!this.#isSigned(request, query)) return failure(403, 'AccessDenied');
    const [, bucket, ...rest] = decodeURIComponent(url.pathname).split('/');
    if (bucket !== this.bucket) return failure(404, 'NoSuchBucket');
    const key = rest.join('/');
    if (key === '') return this.#list(query);
    const body = new Uint8Array(await request.arrayBuffer());
    const signedLength = (query.get('X-Amz-SignedHeaders') ?? '').split(';').includes('content-length');
    if (signedLength && request.headers.get('content-length') === null) return failure(403, 'SignatureDoesNotMatch');
    const uploadId = query.get('uploadId');
    if (request.method === 'POST' && query.has('uploads')) return this.#begin(key);
    if (uploadId !== null) return this.#multipart(request.method, key, uploadId, query, body);
    if (request.method === 'PUT') return this.#put(key, body);
    if (request.method === 'DELETE') {
      this.objects.delete(key);
      return new Response(null, { status: 204 });
    }
    return this.#get(request, key);
  }

  #put(key: string, data: Uint8Array): Response {
    const stored = { data, etag: md5(data), changedMs: Date.now() };
    this.objects.set(key, stored);
    return new Response(null, { status: 200, headers: { etag: `"${stored.etag}"` } });
  }

  #get(request: Request, key: string): Response {
    const stored = this.objects.get(key);
    if (stored === undefined)
      return request.method === 'HEAD' ? new Response(null, { status: 404 }) : failure(404, 'NoSuchKey');
    const { data, etag, changedMs } = stored;
    const headers: Record<string, string> = { etag: `"${etag}"`, 'last-modified': new Date(changedMs).toUTCString() };
    if (request.method === 'HEAD')
      return new Response(null, { headers: { ...headers, 'content-length': String(data.length) } });
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get('range') ?? '');
    if (range === null) return new Response(new Uint8Array(data), { headers });
    const [from, to] = [
      Number(range[1]),
      range[2] === '' ? data.length - 1 : Math.min(data.length - 1, Number(range[2])),
    ];
    headers['content-range'] = `bytes ${from}-${to}/${data.length}`;
    return new Response(new Uint8Array(data.subarray(from, to + 1)), { status: 206, headers });
  }

  #begin(key: string): Response {
    this.#lastId += 1;
    const id = `Up.load_-${this.#lastId}`; // the characters that Amazon's own have
    this.uploads.set(id, { key, parts: new Map() });
    return xml(
      `<InitiateMultipartUploadResult><Bucket>${this.bucket}</Bucket><Key>${key}</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
    );
  }

  #multipart(method: string, key: string, id: string, query: URLSearchParams, body: Uint8Array): Response {
    const upload = this.uploads.get(id);
    if (upload?.key !== key) return failure(404, 'NoSuchUpload');
    if (method === 'PUT') {
      const stored = { data: body, etag: md5(body), changedMs: Date.now() };
      upload.parts.set(Number(query.get('partNumber')), stored);
      return new Response(null, { headers: { etag: `"${stored.etag}"` } });
    }
    if (method === 'DELETE') {
      this.uploads.delete(id);
      return new Response(null, { status: 204 });
    }
    const text = new TextDecoder().decode(body).replaceAll(/&#34;|&quot;/g, '"');
    const wanted = [...text.matchAll(/<PartNumber>(\d+)<\/PartNumber>\s*<ETag>"?([^<"]*)"?<\/ETag>/g)];
    const pieces: Uint8Array[] = [];
    for (const [, part, etag] of wanted) {
      const stored = upload.parts.get(Number(part));
      if (stored?.etag !== etag) return failure(400, 'InvalidPart');
      pieces.push(stored?.data ?? new Uint8Array());
    }
    this.uploads.delete(id);
    const data = new Uint8Array(Buffer.concat(pieces));
    this.objects.set(key, { data, etag: `${md5(data)}-${pieces.length}`, changedMs: Date.now() });
    return xml(`<CompleteMultipartUploadResult><Key>${key}</Key></CompleteMultipartUploadResult>`);
  }

  #list(query: URLSearchParams): Response {
    const [prefix, after] = [query.get('prefix') ?? '', query.get('start-after') ?? ''];
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const shown = keys.slice(0, 2); // small pages, so that callers have to go on
    const each = shown.map((key) => {
      const { data, etag, changedMs } = this.objects.get(key) as Stored;
      const changed = new Date(changedMs).toISOString();
      return `<Contents><Key>${key}</Key><LastModified>${changed}</LastModified><ETag>"${etag}"</ETag><Size>${data.length}</Size></Contents>`;
    });
    return xml(
      `<ListBucketResult><Name>${this.bucket}</Name><KeyCount>${shown.length}</KeyCount><IsTruncated>${keys.length > 2}</IsTruncated>${each.join('')}</ListBucketResult>`,
    );
  }
}
