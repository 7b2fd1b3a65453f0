import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../platform/clock.ts';
import { idlestCaches, removeCache, totalCacheBytes } from '../store/caches.ts';
import { expiredUploads, openUploads } from '../store/upload-lists.ts';
import { doomBlobs, dueBlobs, forgetDoomed, isBlobKnown, partsOf } from '../store/upload-parts.ts';
import { dropUpload, type UploadRecord } from '../store/uploads.ts';
import { ADDRESS_MS, type BlobDesk } from './blob-desk.ts';
import type { Caches } from './caches.ts';
import { partName } from './multipart.ts';

const KEEP_EVERY_MS = 60_000;
const SCAN_EVERY_MS = 24 * 3_600_000;
/** Content that nothing speaks of is left alone for as long as somebody may just be about to. */
const ORPHAN_MS = ADDRESS_MS + 3_600_000;
/** So many rows of a kind are dealt with at a time. */
const BATCH = 200;

/** Keeps the content within its limits: broken promises, what nobody names any more, the least used caches. */
export class BlobKeeper {
  #scannedMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly desk: BlobDesk,
    private readonly caches: Caches,
    private readonly clock: Pick<Clock, 'sleep' | 'monoMs' | 'wallMs'>,
    private readonly log: Logger,
  ) {}

  /** Looks every minute until `signal` aborts; then resolves. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.clock.sleep(KEEP_EVERY_MS, signal);
        await this.keep();
      } catch (error) {
        if (!signal.aborted) this.log.error('the content could not be kept in order', { error: String(error) });
      }
    }
  }

  async keep(): Promise<void> {
    const { store, blobs, limits } = this.desk.deps;
    if (blobs.direct !== undefined) {
      for (const upload of await store.read((sql) => openUploads(sql, 'cache', BATCH)))
        await this.caches.settleOne(upload);
    }
    for (const upload of await store.read((sql) => expiredUploads(sql, this.clock.wallMs(), BATCH)))
      await this.#end(upload);
    await this.#evict(limits.allCachesBytes);
    await this.#removeDue();
    if (this.clock.monoMs() - this.#scannedMs < SCAN_EVERY_MS) return;
    this.#scannedMs = this.clock.monoMs();
    await this.#scan();
  }

  /** A promise that nobody kept: what came of it goes. */
  async #end({ object, remoteId }: UploadRecord): Promise<void> {
    const { store, blobs } = this.desk.deps;
    if (remoteId !== null) await blobs.direct?.abortMultipart(object, remoteId);
    const nowMs = this.clock.wallMs();
    await store.write(async (sql) => {
      const parts = (await partsOf(sql, object)).map(({ part }) => partName(object, part));
      await dropUpload(sql, object);
      await doomBlobs(sql, [object, ...parts], nowMs);
    });
  }

  /** Takes away the caches that were not used for longest until the rest fits. */
  async #evict(maxBytes: number): Promise<void> {
    const { store } = this.desk.deps;
    let excess = (await store.read(totalCacheBytes)) - maxBytes;
    while (excess > 0) {
      const idle = await store.read((sql) => idlestCaches(sql, BATCH));
      if (idle.length === 0) return;
      for (const { scope, key, size } of idle) {
        if (excess <= 0) return;
        await store.write((sql) => removeCache(sql, scope, key, this.clock.wallMs() + ADDRESS_MS));
        this.log.info('cache evicted', { scope, key, size });
        excess -= size;
      }
    }
  }

  async #removeDue(): Promise<void> {
    const { store, blobs } = this.desk.deps;
    for (;;) {
      const due = await store.read((sql) => dueBlobs(sql, this.clock.wallMs(), BATCH));
      for (const object of due) {
        await blobs.remove(object);
        await store.write((sql) => forgetDoomed(sql, object));
      }
      if (due.length < BATCH) return;
    }
  }

  /** What a hub that was killed left between content and row: old content that nothing speaks of. */
  async #scan(): Promise<void> {
    const { store, blobs } = this.desk.deps;
    for await (const { name, changedMs } of blobs.list()) {
      if (this.clock.wallMs() - changedMs < ORPHAN_MS) continue;
      if (!/^[0-9a-f]{32}/.test(name)) continue; // logs, and what else shares the bucket
      const object = name.slice(0, 32); // parts and half-written files begin with the name of their upload
      if (await store.read((sql) => isBlobKnown(sql, object))) continue;
      await blobs.remove(name);
      this.log.info('content that belongs to nothing was removed', { object: name });
    }
  }
}
