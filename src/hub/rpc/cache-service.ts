import { CirrusCIService } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { HEADER, type Headers } from '../../rpc/metadata.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import type { MethodHandler } from '../../rpc/server.ts';
import { agentRoute } from '../blobs/agent-route.ts';
import type { BlobDesk } from '../blobs/blob-desk.ts';
import { type CacheScopes, cacheScopesOf } from '../blobs/cache-scope.ts';
import type { Caches } from '../blobs/caches.ts';
import type { Multipart } from '../blobs/multipart.ts';
import { findBuild } from '../store/builds.ts';
import type { Database } from '../store/database.ts';
import type { TaskRecord } from '../store/tasks.ts';
import { type Authenticator, agentMethod } from './authenticate.ts';

/** What the services for content have in common. */
export interface ContentDeps {
  readonly desk: BlobDesk;
  readonly caches: Caches;
  readonly multipart: Multipart;
  readonly auth: Authenticator;
}

const MAX_PREFIXES = 100;
const MULTIPART_BY_STREAM = 'parts come by HTTP only, and this agent reaches the hub by gRPC only';

export async function scopesOf(store: Database, { buildId }: TaskRecord): Promise<CacheScopes> {
  const build = await store.read((sql) => findBuild(sql, buildId));
  return cacheScopesOf({ repository: build?.repository ?? '', pullRequest: build?.pullRequest ?? null });
}

/** What a task leaves must come while it runs: a run that the hub gave up must not write over its successor's. */
export function checkRuns({ slotHeld }: TaskRecord): void {
  if (!slotHeld) throw new RpcError('FAILED_PRECONDITION', 'this run of the task has ended');
}

export function routeOf({ deps }: BlobDesk, headers: Headers) {
  if (deps.blobs.direct !== undefined) return { kind: 'http' } as const;
  return agentRoute(headers[HEADER.apiEndpoint] ?? '', deps.publicUrl());
}

/** Caches by address (wire protocol, sections 3.2 and 3.3). */
export function cacheService({ desk, caches, multipart, auth }: ContentDeps): MethodHandler[] {
  const methods = CirrusCIService.method;
  const { store } = desk.deps;
  const keyOf = (request: { readonly cacheKey?: { readonly cacheKey: string } | undefined }) =>
    request.cacheKey?.cacheKey ?? '';
  return [
    agentMethod(auth, methods.cacheInfo, async (task, { cacheKey, cacheKeyPrefixes }) => {
      if (cacheKeyPrefixes.length > MAX_PREFIXES) throw new RpcError('INVALID_ARGUMENT', 'too many prefixes');
      const found = await caches.find(await scopesOf(store, task), cacheKey, cacheKeyPrefixes);
      if (found === undefined) throw new RpcError('NOT_FOUND', 'no such cache');
      return {
        info: {
          key: found.key,
          sizeInBytes: BigInt(found.size),
          creationTimestamp: BigInt(Math.floor(found.createdMs / 1000)),
          createdByTaskId: String(found.taskId),
          oldCreatedByTaskId: BigInt(found.taskId),
        },
      };
    }),
    agentMethod(auth, methods.deleteCache, async (task, { cacheKey }) => {
      checkRuns(task);
      await caches.remove(await scopesOf(store, task), cacheKey);
      return {};
    }),
    agentMethod(auth, methods.generateCacheUploadURL, async (task, { cacheKey }, { headers }) => {
      checkRuns(task);
      const route = routeOf(desk, headers);
      if (route.kind === 'grpc') return { url: route.address };
      const object = desk.newName();
      await caches.promise(task.id, await scopesOf(store, task), cacheKey, { kind: 'cache', object, remoteId: null });
      return { url: await desk.putAddress(object, desk.deps.limits.cacheBytes, false) };
    }),
    agentMethod(auth, methods.generateCacheDownloadURLs, async (task, { cacheKey }, { headers }) => {
      const route = routeOf(desk, headers);
      const found = await caches.open(await scopesOf(store, task), cacheKey);
      if (found === undefined) throw new RpcError('NOT_FOUND', 'no such cache');
      return { urls: [route.kind === 'grpc' ? route.address : await desk.getAddress(found.object)] };
    }),
    agentMethod(auth, methods.multipartCacheUploadCreate, async (task, { cacheKey }, { headers }) => {
      checkRuns(task);
      if (routeOf(desk, headers).kind === 'grpc') throw new RpcError('UNIMPLEMENTED', MULTIPART_BY_STREAM);
      return { uploadId: await multipart.create(task.id, await scopesOf(store, task), cacheKey) };
    }),
    agentMethod(auth, methods.multipartCacheUploadPart, async (task, request) => {
      checkRuns(task);
      const { uploadId, partNumber, contentLength } = request;
      return { url: await multipart.part(task.id, keyOf(request), uploadId, partNumber, Number(contentLength)) };
    }),
    agentMethod(auth, methods.multipartCacheUploadCommit, async (task, request) => {
      checkRuns(task);
      const parts = request.parts.map(({ partNumber, etag }) => ({ part: partNumber, etag }));
      await multipart.commit(task.id, keyOf(request), request.uploadId, parts);
      return {};
    }),
  ];
}
