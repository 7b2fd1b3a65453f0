import {
  type Annotation,
  CirrusCIService,
  type CommitUploadedArtifactsRequest,
} from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { RpcError, type RpcStatus } from '../../src/rpc/rpc-error.ts';
import { type MethodHandler, unaryHandler, uploadHandler } from '../../src/rpc/server.ts';

/** One HTTP PUT as the store saw it. */
export interface RecordedPut {
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

/** The server's side of artifacts on real sockets: addresses for HTTP PUT, the stream of the other way, annotations. */
export class FakeArtifactStore {
  readonly groups: string[][] = [];
  readonly puts: RecordedPut[] = [];
  readonly commits: CommitUploadedArtifactsRequest[] = [];
  readonly streamed = new Map<string, string>();
  readonly annotations: Annotation[] = [];
  /** Statuses that the next PUTs of a path are answered with before it is taken. */
  readonly refusals = new Map<string, number[]>();
  /** Answer of the method instead of serving it, as often as the number says. */
  readonly faults = new Map<string, { status: RpcStatus; times: number }>();
  /** What happens to the files between the request for addresses and their upload. */
  meanwhile: () => void = () => {};
  #serial = 0;
  #atOnce = 0;
  /** Requests are held until so many have been open at a time. */
  together = 1;
  readonly #met = Promise.withResolvers<void>();

  readonly #http = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: (request) => this.#take(request) });

  [Symbol.asyncDispose](): Promise<void> {
    return this.#http.stop(true);
  }

  async #take(request: Request): Promise<Response> {
    this.#atOnce += 1;
    if (this.#atOnce >= this.together) this.#met.resolve();
    try {
      const path = new URL(request.url).searchParams.get('path') ?? '';
      const body = await request.text();
      await this.#met.promise;
      const status = this.refusals.get(path)?.shift();
      if (status !== undefined) return new Response('no', { status });
      if (request.method !== 'PUT') return new Response('no', { status: 405 });
      this.puts.push({ path, headers: request.headers, body });
      return new Response('', { status: 201 });
    } finally {
      this.#atOnce -= 1;
    }
  }

  #fault(name: string): void {
    const fault = this.faults.get(name);
    if (fault === undefined || fault.times <= 0) return;
    fault.times -= 1;
    throw new RpcError(fault.status, 'refused by the test');
  }

  #address(path: string): { url: string; headers: Record<string, string> } {
    this.#serial += 1;
    const query = new URLSearchParams({ path, serial: String(this.#serial) });
    return { url: `http://127.0.0.1:${this.#http.port}/store?${query}`, headers: { 'x-store': 'yes' } };
  }

  get handlers(): readonly MethodHandler[] {
    const { method } = CirrusCIService;
    return [
      unaryHandler(method.generateArtifactUploadURLs, async ({ files }) => {
        this.meanwhile();
        this.#fault('generate');
        this.groups.push(files.map(({ path, sizeInBytes }) => `${path} ${sizeInBytes}`));
        return { urls: files.map(({ path }) => this.#address(path)) };
      }),
      unaryHandler(method.commitUploadedArtifacts, async (request) => {
        this.#fault('commit');
        this.commits.push(request);
        return {};
      }),
      uploadHandler(method.uploadArtifacts, async (messages) => {
        const files = new Map<string, string>();
        for await (const { value } of messages) {
          if (value.case === 'artifactsUpload')
            files.set('', `${value.value.name} ${value.value.type} ${value.value.format}`);
          if (value.case !== 'chunk') continue;
          this.#fault('stream');
          const { artifactPath: path, data } = value.value;
          files.set(path, (files.get(path) ?? '') + new TextDecoder().decode(data));
        }
        for (const [path, content] of files) this.streamed.set(path, content);
        return {};
      }),
      unaryHandler(method.reportAnnotations, async ({ annotations }) => {
        this.#fault('annotate');
        this.annotations.push(...annotations);
        return {};
      }),
    ];
  }
}
