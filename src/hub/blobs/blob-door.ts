import { HttpError } from '../http/http-error.ts';
import { cacheOfObject } from '../store/caches.ts';
import { savePart } from '../store/upload-parts.ts';
import { findUpload, markStored, type UploadRecord } from '../store/uploads.ts';
import { attachment } from './artifact-path.ts';
import type { BlobDesk } from './blob-desk.ts';
import { BlobTooLargeError, type StoredBlob } from './blob-store.ts';
import { type BlobGrant, checkBlobUrl, keyIdOf } from './blob-url.ts';
import { rangeOf } from './byte-range.ts';
import type { Caches } from './caches.ts';
import { partName } from './multipart.ts';

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** Content is never shown in the hub's own name, whatever it is. */
const SAFE_HEADERS = {
  'content-type': 'application/octet-stream',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; sandbox",
  'cache-control': 'private, no-store',
  'accept-ranges': 'bytes',
};

/** Takes and gives content by signed addresses: everything below `/blobs/`. */
export class BlobDoor {
  /** Blobs that come in now: two senders of one address must not write over each other. */
  readonly #receiving = new Set<string>();

  constructor(
    private readonly desk: BlobDesk,
    private readonly caches: Caches,
  ) {}

  /** Answers a request. Throws `AppError`, with the status that HTTP has for it. */
  async handle(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const { keys, clock } = this.desk.deps;
    const key = await keys.find(keyIdOf(url));
    const checked = key === undefined ? undefined : checkBlobUrl(url, key, clock.wallMs());
    if (checked?.kind === 'expired') throw new HttpError(403, 'this address has expired', 'ask for a new one');
    if (checked?.kind !== 'valid') throw new HttpError(403, 'this address is not valid');
    const { grant } = checked;
    const reads = request.method === 'GET' || request.method === 'HEAD';
    if (reads !== (grant.action === 'get') || !(reads || request.method === 'PUT')) {
      throw new HttpError(405, `this address is not for ${request.method.slice(0, 20)}`);
    }
    return reads ? this.#give(request, grant) : this.#take(request, grant);
  }

  async #give(request: Request, { object, fileName }: BlobGrant): Promise<Response> {
    const found = await this.desk.deps.blobs.stat(object);
    if (found === undefined) throw new HttpError(404, 'this content is not here any more');
    const range = rangeOf(request.headers.get('range') ?? undefined, found.size);
    const headers = new Headers(SAFE_HEADERS);
    headers.set('content-disposition', attachment(fileName || object));
    if (range === 'impossible') {
      headers.set('content-range', `bytes */${found.size}`);
      return new Response(null, { status: 416, headers });
    }
    const { from, to } = range ?? { from: 0, to: found.size };
    headers.set('content-length', String(to - from));
    if (range !== undefined) headers.set('content-range', `bytes ${from}-${to - 1}/${found.size}`);
    const body = request.method === 'HEAD' || to === from ? null : this.desk.deps.blobs.read(object, range);
    return new Response(body, { status: range === undefined ? 200 : 206, headers });
  }

  async #take(request: Request, grant: BlobGrant): Promise<Response> {
    const { object, action, part } = grant;
    const { store } = this.desk.deps;
    const upload = await store.read((sql) => findUpload(sql, object));
    if (upload === undefined) {
      const done = action === 'put' && (await store.read((sql) => cacheOfObject(sql, object))) !== undefined;
      if (done) return new Response(null, { status: 200 }); // the answer to the first attempt was lost on its way
      throw new HttpError(404, 'nothing is expected here any more');
    }
    const name = action === 'part' ? partName(object, part) : object;
    if (this.#receiving.has(name)) throw new HttpError(409, 'this content is just coming in from another sender');
    this.#receiving.add(name);
    try {
      const stored = await this.#receive(request, name, grant, upload.kind === 'artifact');
      await this.#keep(upload, stored, grant);
      return new Response(null, { status: 200, headers: { etag: `"${stored.digest}"` } });
    } catch (error) {
      if (error instanceof BlobTooLargeError) throw new HttpError(413, error.message);
      throw request.signal.aborted ? new HttpError(400, 'the sender has gone') : error;
    } finally {
      this.#receiving.delete(name);
    }
  }

  async #receive(request: Request, name: string, { maxBytes }: BlobGrant, exact: boolean): Promise<StoredBlob> {
    const announced = request.headers.get('content-length');
    const length = announced === null ? undefined : Number(announced);
    if (length !== undefined && length > maxBytes) throw new BlobTooLargeError(maxBytes);
    const { blobs } = this.desk.deps;
    const stored = await blobs.put(name, request.body ?? nothing(), maxBytes, request.signal);
    const wanted = exact ? maxBytes : length;
    if (wanted === undefined || stored.size === wanted) return stored;
    await blobs.remove(name);
    throw new HttpError(400, `${wanted} bytes were expected, ${stored.size} have come`);
  }

  async #keep(upload: UploadRecord, stored: StoredBlob, { part, action }: BlobGrant): Promise<void> {
    const { store } = this.desk.deps;
    const { object, kind } = upload;
    if (action === 'part') {
      await store.write(async (sql) => {
        if ((await findUpload(sql, object)) === undefined) throw new HttpError(404, 'this upload has ended');
        await savePart(sql, object, { part, size: stored.size, etag: stored.digest });
      });
    } else if (kind === 'artifact') await store.write((sql) => markStored(sql, object, stored.size, stored.digest));
    else await this.caches.commit(object, stored);
  }
}
