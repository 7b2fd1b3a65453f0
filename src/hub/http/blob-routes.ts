import type { Hono } from 'hono';
import type { ArtifactReader } from '../blobs/artifact-reader.ts';
import type { BlobDoor } from '../blobs/blob-door.ts';

export interface BlobRouteDeps {
  readonly door: Pick<BlobDoor, 'handle'>;
  readonly artifacts: Pick<ArtifactReader, 'list' | 'find' | 'report' | 'agentLog'>;
}

/** Content by signed addresses: they are their own permission. */
export function addBlobRoutes(app: Hono, { door }: Pick<BlobRouteDeps, 'door'>): void {
  app.all('/blobs/*', (context) => door.handle(context.req.raw));
}
