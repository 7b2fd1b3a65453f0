import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { Logger } from '../../lib/log.ts';
import type { Child } from '../../platform/processes.ts';
import { type Git, textOf } from './git.ts';
import { createSlots } from './slots.ts';

const SERVICE = 'git-upload-pack';
/** A fetch names what it wants and has: never more than this, even unpacked. */
const MAX_REQUEST_BYTES = 64 * 1024 * 1024;
const NO_CACHE = { 'cache-control': 'no-cache, max-age=0, must-revalidate' };
const encoder = new TextEncoder();

export interface GitServiceDeps {
  readonly git: Git;
  readonly repository: string;
  readonly log: Logger;
  /** Children at once; as many times eight may wait. */
  readonly maxChildren: number;
}

/** One line of git's protocol: four hexadecimal digits of length, then the text. */
export function packetLine(text: string): string {
  return (encoder.encode(text).length + 4).toString(16).padStart(4, '0') + text;
}

/** `version=2` and the like, as git sends it; anything else is not passed on to the child. */
function protocolOf(request: Request): Record<string, string> {
  const protocol = request.headers.get('git-protocol') ?? '';
  return /^[a-z0-9=:_-]{1,64}$/i.test(protocol) ? { GIT_PROTOCOL: protocol } : {};
}

async function* bounded(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > MAX_REQUEST_BYTES) throw new RangeError('the request of git is too long');
    yield chunk;
  }
}

async function feed(request: Request, child: Child): Promise<void> {
  if (child.stdin === null) return;
  const body = Readable.from(request.body ?? [], { objectMode: false });
  const zipped = request.headers.get('content-encoding') === 'gzip';
  if (zipped) await pipeline(body, createGunzip(), bounded, child.stdin);
  else await pipeline(body, bounded, child.stdin);
}

/** What the child prints, pulled as fast as the client reads; a client that leaves ends the child. */
function streamOf(prefix: string, child: Child, stdout: Readable): ReadableStream<Uint8Array> {
  const chunks = stdout[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (prefix !== '') controller.enqueue(encoder.encode(prefix));
      },
      async pull(controller) {
        const next = await chunks.next();
        if (next.done !== true) return controller.enqueue(new Uint8Array(next.value as Buffer));
        const exit = await child.exited;
        // A refusal, such as an unknown revision, is in the output, in git's own words: the client must get to read it.
        if (exit.signal === null) controller.close();
        else controller.error(new Error('git upload-pack was killed'));
      },
      async cancel() {
        child.signalGroup('SIGKILL');
        await chunks.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

/**
 * The read-only half of git's smart HTTP transport (gitprotocol-http(5)) for one namespace of the repository.
 * `path` is what follows `repo.git/`.
 */
export function createGitService({ git, repository, log, maxChildren }: GitServiceDeps) {
  const slots = createSlots(maxChildren, maxChildren * 8);

  const serve = async (request: Request, namespace: string, args: readonly string[], prefix: string, type: string) => {
    const release = await slots.take(request.signal);
    let child: Child;
    try {
      const env = { ...protocolOf(request), GIT_NAMESPACE: namespace };
      child = await git.start(['upload-pack', '--stateless-rpc', ...args, repository], env);
    } catch (error) {
      release();
      throw error;
    }
    const complaint = textOf(child.stderr);
    void child.exited.then(async ({ code }) => {
      release();
      if (code !== 0 && code !== null)
        log.warn('git upload-pack failed', { code, complaint: (await complaint).trim() });
    });
    feed(request, child).catch((error: unknown) => {
      log.debug('a git request broke off', { error: String(error) });
      child.signalGroup('SIGKILL');
    });
    const body = child.stdout === null ? null : streamOf(prefix, child, child.stdout);
    return new Response(body, { headers: { ...NO_CACHE, 'content-type': type } });
  };

  return async (request: Request, path: string, namespace: string): Promise<Response> => {
    const service = new URL(request.url).searchParams.get('service');
    if (request.method === 'GET' && path === 'info/refs' && service === SERVICE) {
      const isVersion2 = protocolOf(request).GIT_PROTOCOL?.includes('version=2') === true;
      const prefix = isVersion2 ? '' : `${packetLine(`# service=${SERVICE}\n`)}0000`;
      return serve(request, namespace, ['--advertise-refs'], prefix, `application/x-${SERVICE}-advertisement`);
    }
    if (request.method === 'POST' && path === SERVICE) {
      return serve(request, namespace, [], '', `application/x-${SERVICE}-result`);
    }
    const writes = service === 'git-receive-pack' || path === 'git-receive-pack';
    if (writes) return new Response('this repository is read-only\n', { status: 403 });
    return new Response('nothing is here; clone this address with git\n', { status: 404 });
  };
}
