import { RpcError } from '../../rpc/rpc-error.ts';
import {
  type CacheRecord,
  cacheOfObject,
  findCache,
  newestCache,
  putCache,
  removeCache,
  touchCache,
} from '../store/caches.ts';
import { uploadsTo } from '../store/upload-lists.ts';
import { doomBlobs } from '../store/upload-parts.ts';
import { addUpload, countUploads, dropUpload, findUpload, type UploadRecord } from '../store/uploads.ts';
import { ADDRESS_MS, type BlobDesk, checkCacheKey } from './blob-desk.ts';
import type { StoredBlob } from './blob-store.ts';
import type { CacheScopes } from './cache-scope.ts';

/** Last use is written at most this often for an entry. */
const TOUCH_MS = 60_000;

/** Caches of tasks: what is there, and addresses to bring and fetch it. */
export class Caches {
  constructor(private readonly desk: BlobDesk) {}

  get #deps() {
    return this.desk.deps;
  }

  /** The entry of that key, else the newest one of the first prefix that any key begins with. */
  async find({ read }: CacheScopes, key: string, prefixes: readonly string[] = []): Promise<CacheRecord | undefined> {
    if (key !== '') {
      checkCacheKey(key);
      for (const scope of read) await this.#settle(scope, key);
    }
    return this.#deps.store.read(async (sql) => {
      const exact = key === '' ? undefined : await findCache(sql, read, key);
      if (exact !== undefined) return exact;
      for (const prefix of prefixes) {
        const found = prefix === '' ? undefined : await newestCache(sql, read, prefix);
        if (found !== undefined) return found;
      }
      return undefined;
    });
  }

  /** The entry, if its content is there; an entry without content is forgotten. Counts as a use. */
  async open(scopes: CacheScopes, key: string): Promise<CacheRecord | undefined> {
    checkCacheKey(key);
    const found = await this.find(scopes, key);
    if (found === undefined) return undefined;
    const { store, blobs, clock, log } = this.#deps;
    const stored = await blobs.stat(found.object);
    if (stored?.size !== found.size) {
      log.warn('a cache has lost its content', { key, object: found.object, size: found.size, found: stored?.size });
      await store.write((sql) => removeCache(sql, found.scope, found.key, clock.wallMs()));
      return undefined;
    }
    const nowMs = clock.wallMs();
    if (nowMs - found.usedMs > TOUCH_MS) await store.write((sql) => touchCache(sql, found.object, nowMs));
    return found;
  }

  async remove({ write }: CacheScopes, key: string): Promise<void> {
    checkCacheKey(key);
    const dueMs = this.desk.expiresMs;
    await this.#deps.store.write((sql) => removeCache(sql, write, key, dueMs));
  }

  /** Promises room for an entry. Returns the name of its content. */
  async promise(
    taskId: number,
    scopes: CacheScopes,
    key: string,
    about: { readonly kind: 'cache' | 'multipart'; readonly object: string; readonly remoteId: string | null },
  ): Promise<void> {
    checkCacheKey(key);
    const { store, limits } = this.#deps;
    const promised = { ...about, taskId, scope: scopes.write, name: key, maxSize: limits.cacheBytes };
    await store.write(async (sql) => {
      if ((await countUploads(sql, taskId)) >= limits.openUploads) {
        throw new RpcError('RESOURCE_EXHAUSTED', 'the task has begun too many uploads');
      }
      await addUpload(sql, { ...promised, expiresMs: this.desk.expiresMs });
    });
  }

  /** Makes the entry of content that has come. What is not promised any more is not taken; repeats change nothing. */
  async commit(object: string, stored: StoredBlob): Promise<boolean> {
    const { store, clock } = this.#deps;
    const nowMs = clock.wallMs();
    return store.write(async (sql) => {
      const upload = await findUpload(sql, object);
      if (upload === undefined) return (await cacheOfObject(sql, object)) !== undefined;
      const { scope, name: key, taskId } = upload;
      await dropUpload(sql, object);
      const entry = { scope, key, object, ...stored, taskId, createdMs: nowMs, usedMs: nowMs };
      await putCache(sql, entry, nowMs + ADDRESS_MS);
      return true;
    });
  }

  /** Uploads that went to the store directly become entries when somebody looks for them. */
  async #settle(scope: string, key: string): Promise<void> {
    if (this.#deps.blobs.direct === undefined) return;
    const open = await this.#deps.store.read((sql) => uploadsTo(sql, 'cache', scope, key));
    for (const upload of open) await this.settleOne(upload);
  }

  /** Makes an entry of a direct upload whose content has come within its limit. Returns whether it has come. */
  async settleOne({ object, maxSize }: UploadRecord): Promise<boolean> {
    const { store, blobs, clock } = this.#deps;
    const found = await blobs.stat(object);
    if (found === undefined) return false;
    if (found.size <= maxSize) return this.commit(object, { size: found.size, digest: found.digest ?? '' });
    await store.write(async (sql) => {
      await dropUpload(sql, object);
      await doomBlobs(sql, [object], clock.wallMs());
    });
    return true;
  }
}
