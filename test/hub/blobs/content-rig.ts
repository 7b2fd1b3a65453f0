import { createHash } from 'node:crypto';
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { BlobLimits } from '../../../src/hub/blobs/blob-desk.ts';
import type { BlobStore } from '../../../src/hub/blobs/blob-store.ts';
import { answerTo } from '../../../src/hub/http/http-error.ts';
import { createHttpServer } from '../../../src/hub/http/http-server.ts';
import type { PollResponse_AgentAwareTask } from '../../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { CirrusCIService } from '../../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { HEADER } from '../../../src/rpc/metadata.ts';
import { RpcError } from '../../../src/rpc/rpc-error.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { HubUnderTest } from '../heart-harness.ts';
import { ScriptedWorker } from '../scripted-worker.ts';

export const agents = CirrusCIService.method;

export const bytesOf = (text: string) => new TextEncoder().encode(text);
export const sha256 = (data: Uint8Array | string) => createHash('sha256').update(data).digest('hex');

export async function statusOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'OK';
  } catch (error) {
    if (error instanceof RpcError) return error.status;
    throw error;
  }
}

/** A hub with its HTTP door open, and one task that runs on a worker. */
export class ContentRig {
  private constructor(
    readonly hub: HubUnderTest,
    readonly worker: ScriptedWorker,
    readonly task: PollResponse_AgentAwareTask,
    private readonly closeDoor: () => Promise<void>,
  ) {}

  static async start(limits: Partial<BlobLimits> = {}, blobs?: BlobStore): Promise<ContentRig> {
    const hub = await HubUnderTest.start(':memory:', new FakeClock(), limits, blobs);
    const server = createHttpServer({
      hostname: '127.0.0.1',
      port: 0,
      fetch: async (request) => {
        try {
          return await hub.heart.door.handle(request);
        } catch (error) {
          const { status, body, isBug } = answerTo(error);
          if (isBug) hub.log.push(`BUG http ${String(error)}`);
          return Response.json(body, { status });
        }
      },
    });
    hub.web.text = server.url;
    const worker = await ScriptedWorker.join(hub);
    await hub.submit({ name: 'unit' });
    const task = await worker.take();
    await worker.started(task);
    return new ContentRig(hub, worker, task, () => server.stop());
  }

  /** A call of the agent, which says that it calls `apiEndpoint`. */
  call<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    request: MessageInitShape<Input>,
    apiEndpoint = 'http://127.0.0.1:1',
  ): Promise<MessageShape<Output>> {
    const headers = this.headers(apiEndpoint);
    return this.worker.client.unary(method, request, { headers, timeoutMs: 10_000 }, AbortSignal.timeout(10_000));
  }

  headers(apiEndpoint = 'http://127.0.0.1:1') {
    return {
      [HEADER.taskId]: this.task.taskId,
      [HEADER.clientSecret]: this.task.clientSecret,
      [HEADER.apiEndpoint]: apiEndpoint,
    };
  }

  /** Stores a cache as agents do. */
  async store(cacheKey: string, content: string | Uint8Array<ArrayBuffer>): Promise<Response> {
    const { url } = await this.call(agents.generateCacheUploadURL, { cacheKey });
    return fetch(url, { method: 'PUT', body: content });
  }

  /** Fetches a cache as agents do; undefined for a miss. */
  async fetch(cacheKey: string): Promise<string | undefined> {
    try {
      const { urls } = await this.call(agents.generateCacheDownloadURLs, { cacheKey });
      const response = await fetch(urls[0] ?? '');
      return response.status === 200 ? await response.text() : undefined;
    } catch (error) {
      if (error instanceof RpcError && error.status === 'NOT_FOUND') return undefined;
      throw error;
    }
  }

  /** Names of everything in the blob store. */
  async stored(): Promise<string[]> {
    const names: string[] = [];
    for await (const { name } of this.hub.blobs.list()) names.push(name);
    return names;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeDoor();
    await this.hub.stop();
  }
}
