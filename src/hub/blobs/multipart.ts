import { RpcError } from '../../rpc/rpc-error.ts';
import { cacheOfObject } from '../store/caches.ts';
import { type PartRecord, partsOf } from '../store/upload-parts.ts';
import { findUpload, type UploadRecord } from '../store/uploads.ts';
import { ADDRESS_MS, type BlobDesk } from './blob-desk.ts';
import type { MultipartPart } from './blob-store.ts';
import type { CacheScopes } from './cache-scope.ts';
import type { Caches } from './caches.ts';

/** The limits that S3 has, so that an agent meets the same ones everywhere. */
export const MAX_PARTS = 10_000;
const MAX_PART_BYTES = 5 * 2 ** 30;

/** The blob that a part is until its upload is committed. */
export function partName(object: string, part: number): string {
  return object + part.toString(16).padStart(4, '0');
}

/** Why these parts do not make a whole, in a sentence; undefined when they do. */
export function partsProblem(wanted: readonly MultipartPart[], came: readonly PartRecord[]): string | undefined {
  if (wanted.length === 0) return 'an upload needs at least one part';
  let last = 0;
  for (const { part, etag } of wanted) {
    if (part <= last) return `part ${part} is named twice or out of order`;
    last = part;
    const found = came.find((record) => record.part === part);
    if (found === undefined) return `part ${part} has not come`;
    if (etag.replace(/^"|"$/g, '') !== found.etag) return `part ${part} has another etag than what came: ${found.etag}`;
  }
  return undefined;
}

/** Uploads of one cache entry in parts, which come by URL, side by side, in any order. */
export class Multipart {
  constructor(
    private readonly desk: BlobDesk,
    private readonly caches: Caches,
  ) {}

  /** Begins an upload. Returns its id. */
  async create(taskId: number, scopes: CacheScopes, key: string): Promise<string> {
    const object = this.desk.newName();
    const remoteId = (await this.desk.deps.blobs.direct?.createMultipart(object)) ?? null;
    await this.caches.promise(taskId, scopes, key, { kind: 'multipart', object, remoteId });
    return object;
  }

  async #find(taskId: number, key: string, uploadId: string): Promise<UploadRecord> {
    const upload = await this.desk.deps.store.read((sql) => findUpload(sql, uploadId));
    const isOurs = upload?.kind === 'multipart' && upload.taskId === taskId && upload.name === key;
    if (upload === undefined || !isOurs) throw new RpcError('NOT_FOUND', 'there is no such upload, or it has expired');
    return upload;
  }

  /** Where to PUT a part. */
  async part(taskId: number, key: string, uploadId: string, part: number, bytes: number): Promise<string> {
    const upload = await this.#find(taskId, key, uploadId);
    if (part < 1 || part > MAX_PARTS)
      throw new RpcError('INVALID_ARGUMENT', `parts have numbers from 1 to ${MAX_PARTS}`);
    if (bytes > Math.min(MAX_PART_BYTES, upload.maxSize))
      throw new RpcError('INVALID_ARGUMENT', 'the part is too large');
    const direct = this.desk.deps.blobs.direct;
    if (direct === undefined || upload.remoteId === null) return this.desk.partAddress(uploadId, part, bytes);
    return direct.part(uploadId, upload.remoteId, part, bytes, ADDRESS_MS);
  }

  /** Makes the entry out of its parts. A repetition of what was done is no error. */
  async commit(taskId: number, key: string, uploadId: string, parts: readonly MultipartPart[]): Promise<void> {
    const { store, blobs } = this.desk.deps;
    const done = await store.read((sql) => cacheOfObject(sql, uploadId));
    if (done?.taskId === taskId && done.key === key) return;
    const upload = await this.#find(taskId, key, uploadId);
    if (blobs.direct !== undefined && upload.remoteId !== null) {
      await blobs.direct.commitMultipart(uploadId, upload.remoteId, parts);
      if (!(await this.caches.settleOne(upload))) throw new RpcError('INTERNAL', 'the store has not kept the upload');
      return;
    }
    const came = await store.read((sql) => partsOf(sql, uploadId));
    const problem = partsProblem(parts, came);
    if (problem !== undefined) throw new RpcError('FAILED_PRECONDITION', problem);
    const used = parts.map(({ part }) => part);
    const bytes = came.filter(({ part }) => used.includes(part)).reduce((sum, { size }) => sum + size, 0);
    if (bytes > upload.maxSize) throw new RpcError('FAILED_PRECONDITION', 'all parts together are too large');
    const stored = await blobs.join(
      uploadId,
      used.map((part) => partName(uploadId, part)),
    );
    await this.caches.commit(uploadId, stored);
  }
}
