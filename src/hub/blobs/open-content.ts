import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../platform/clock.ts';
import type { MethodHandler } from '../../rpc/server.ts';
import { artifactService } from '../rpc/artifact-service.ts';
import type { Authenticator } from '../rpc/authenticate.ts';
import { byteStreamService } from '../rpc/byte-stream-service.ts';
import { cacheService } from '../rpc/cache-service.ts';
import type { Database } from '../store/database.ts';
import { Artifacts } from './artifacts.ts';
import { BLOB_LIMITS, BlobDesk, type BlobLimits } from './blob-desk.ts';
import { BlobDoor } from './blob-door.ts';
import type { BlobStore } from './blob-store.ts';
import { Caches } from './caches.ts';
import { BlobKeeper } from './keeper.ts';
import { Multipart } from './multipart.ts';
import { UrlKeys } from './url-keys.ts';

/** Where content is kept and how tasks reach it. */
export interface ContentOptions {
  readonly blobs: BlobStore;
  /** Where tasks reach the hub by HTTP; `given` when the operator said so. */
  readonly publicUrl: () => { readonly text: string; readonly given: boolean };
  readonly limits?: Partial<BlobLimits> | undefined;
}

/** Caches and artifacts of a hub, with what serves them. */
export interface Content {
  readonly desk: BlobDesk;
  readonly door: BlobDoor;
  readonly handlers: readonly MethodHandler[];
  readonly keeper: BlobKeeper;
}

export function openContent(
  { blobs, publicUrl, limits }: ContentOptions,
  parts: { readonly store: Database; readonly auth: Authenticator; readonly clock: Clock; readonly log: Logger },
): Content {
  const { store, auth, clock, log } = parts;
  const keys = new UrlKeys(store, clock);
  const desk = new BlobDesk({ store, blobs, keys, publicUrl, limits: { ...BLOB_LIMITS, ...limits }, clock, log });
  const caches = new Caches(desk);
  const content = { desk, caches, multipart: new Multipart(desk, caches), auth };
  return {
    desk,
    door: new BlobDoor(desk, caches),
    handlers: [
      ...cacheService(content),
      ...artifactService(new Artifacts(desk), desk, auth),
      ...byteStreamService(content),
    ],
    keeper: new BlobKeeper(desk, caches, clock, log),
  };
}
