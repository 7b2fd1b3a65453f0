import { chmodSync, existsSync, lstatSync, mkdirSync, rmdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type ListenOptions } from 'node:net';
import { dirname, join } from 'node:path';
import { AppError, describeError } from '../../lib/errors.ts';
import { type CacheAnswer, type HttpCacheDeps, requestHandler } from './handle-request.ts';

export interface HttpCache {
  /** `host:port`, for `CIRRUS_HTTP_CACHE_HOST`. */
  readonly host: string;
  stop(): Promise<void>;
}

/** Connections at a time; build tools have a few dozen. */
const MAX_CONNECTIONS = 256;

/** Time for the first lines of a request, and for the next request on a connection. */
const HEADERS_MS = 30_000;
const KEEP_ALIVE_MS = 75_000;

/** Names of sockets may not be longer on macOS. */
const MAX_SOCKET_PATH = 103;

/** Whether somebody serves this socket. */
function isLive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

type Handler = ReturnType<typeof requestHandler>;

/** Waits for room for more, or for the end of the connection. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}

async function* pieces(body: CacheAnswer['body']): AsyncGenerator<string | Uint8Array> {
  if (typeof body === 'string') yield body;
  else yield* body ?? [];
}

/** Nothing is sent before the first piece is there: until then, a failure can still be told by its own status. */
async function send(
  response: ServerResponse,
  { status, headers, body }: CacheAnswer,
  signal: AbortSignal,
): Promise<void> {
  const all = pieces(body);
  let next = await all.next();
  response.writeHead(status, headers);
  for (; next.done !== true; next = await all.next()) {
    signal.throwIfAborted();
    if (!response.write(next.value)) await drained(response);
  }
  response.end();
}

/**
 * Serves one request. An answer that breaks off in the middle ends its connection, so that the tool notices. The
 * runtime's own server would not do here: it leaves out the length of what is streamed.
 */
async function serveOne(handler: Handler, request: IncomingMessage, response: ServerResponse, { log }: HttpCacheDeps) {
  const gone = new AbortController();
  response.on('close', () => gone.abort(new AppError('TEMPORARY', 'the build tool has gone')));
  const { method = '', url: target = '' } = request;
  const headers = request.headers as Record<string, string | undefined>;
  try {
    await send(response, await handler({ method, target, headers, body: request }, gone.signal), gone.signal);
  } catch (error) {
    if (!gone.signal.aborted) log.warn('cache answer broken off', { target, reason: describeError(error) });
    if (response.headersSent) response.socket?.destroy();
    else response.writeHead(502).end();
  }
}

function listen(handler: Handler, at: ListenOptions, deps: HttpCacheDeps): Promise<Server> {
  const server = createServer((request, response) => void serveOne(handler, request, response, deps));
  server.maxConnections = MAX_CONNECTIONS;
  server.headersTimeout = HEADERS_MS;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.requestTimeout = 0; // large uploads take their time; one that stalls is the store's to end
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at, () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** Removes the folder of the socket unless somebody else keeps something in it. */
function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // not empty, or gone with the home: then it is not ours to remove
  }
}

/** Serves the well-known socket as well, if it is free. Undefined when it is not to be had, which is no loss. */
async function serveSocket(home: string | undefined, handler: Handler, deps: HttpCacheDeps) {
  if (home === undefined || !existsSync(home)) return undefined;
  const path = join(home, '.cirruslabs', 'omni-cache.sock');
  // a folder that was there belongs to somebody else, unless it holds the socket of a killed task
  const isForeign = existsSync(dirname(path)) && !existsSync(path);
  const leaveNoFolder = isForeign ? () => {} : () => removeIfEmpty(dirname(path));
  try {
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH) throw new Error('its path is too long');
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if (await isLive(path)) return undefined; // that of another task: it stays theirs
    rmSync(path, { force: true });
    const server = await listen(handler, { path }, deps);
    chmodSync(path, 0o600);
    const { ino } = lstatSync(path);
    return async () => {
      const isOurs = lstatSync(path, { throwIfNoEntry: false })?.ino === ino;
      await close(server);
      if (isOurs) rmSync(path, { force: true });
      leaveNoFolder();
    };
  } catch (error) {
    leaveNoFolder();
    deps.log.info('cache socket left out', { path, reason: describeError(error) });
    return undefined;
  }
}

/**
 * Starts the cache server of one task on a port of its own of the loopback interface, and on the socket
 * `HOME/.cirruslabs/omni-cache.sock` unless another task has it. Throws the system's error.
 */
export async function startHttpCache(home: string | undefined, deps: HttpCacheDeps): Promise<HttpCache> {
  const handler = requestHandler(deps);
  const server = await listen(handler, { host: '127.0.0.1', port: 0 }, deps);
  const stopSocket = await serveSocket(home, handler, deps);
  const address = server.address();
  return {
    host: `127.0.0.1:${typeof address === 'object' ? address?.port : address}`,
    async stop() {
      await stopSocket?.();
      await close(server);
    },
  };
}
